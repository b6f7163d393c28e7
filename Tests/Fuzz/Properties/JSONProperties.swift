import Corpora

@testable import ThreatFeed

/// Any bytes as JSON text, as a message of a client and as a batch.
enum JSONProperties {
    static func check(_ input: [UInt8]) {
        var scanner = JSONScanner()
        let nodes = try? scan(&scanner, input, 0..<input.count).get()
        expectEqual(nodes != nil, ReferenceJSON.accepts(input, depthMax: 32), "accepted is exactly what RFC 8259 says")
        if let nodes { checkAccepted(nodes, input) }
        checkPart(input)
        checkMessage(input)
        checkBatch(input)
        checkText(input)
    }

    private static func scan(
        _ scanner: inout JSONScanner, _ bytes: [UInt8], _ range: Range<Int>
    ) -> Result<[JSONNode], JSONError> {
        do throws(JSONError) {
            try scanner.scan(bytes.span, in: range)
            return .success(scanner.nodes)
        } catch {
            expect(scanner.nodes.isEmpty, "a failed scan leaves nothing")
            expect((0...range.count).contains(error.offset), "an error lies in the text")
            return .failure(error)
        }
    }

    private static func checkAccepted(_ nodes: [JSONNode], _ input: [UInt8]) {
        expect(isUTF8(input), "accepted text is UTF-8")
        var open: [Int] = []
        for (index, node) in nodes.enumerated() {
            while let last = open.last, Int(nodes[last].next) <= index { open.removeLast() }
            expect(open.count < 32 || node.kind.rawValue > JSONKind.array.rawValue, "nesting keeps to its limit")
            expect(node.range.upperBound <= input.count && !node.range.isEmpty, "a value stands in the text")
            if let parent = open.last {
                let outer = nodes[parent]
                expect(
                    outer.range.lowerBound < node.range.lowerBound && node.range.upperBound < outer.range.upperBound,
                    "a value stands within its parent")
                expectEqual(node.name != nil, outer.kind == .object, "members have names, elements have none")
            }
            if let name = node.name {
                expect(isUTF8(JSONTokens.decode(input.span, name)), "a name is UTF-8")
                expect(name.upperBound < node.range.lowerBound, "a name stands before its value")
            }
            if node.kind == .string {
                expect(isUTF8(JSONTokens.decode(input.span, node.content)), "a string is UTF-8")
            }
            if node.kind == .object || node.kind == .array { open.append(index) }
        }
        expectEqual(nodes.first.map { Int($0.next) }, nodes.count, "one value is the whole text")
    }

    /// A text within other bytes is read like the text alone, by a scanner that has read other texts before.
    private static func checkPart(_ input: [UInt8]) {
        var scanner = JSONScanner()
        let alone = scan(&scanner, input, 0..<input.count)
        let surrounded = octets("[\"") + input + octets("}1")
        let within = scan(&scanner, surrounded, 2..<(2 + input.count))
        switch (alone, within) {
        case (.success(let left), .success(let right)):
            expectEqual(left.count, right.count, "a part has the values of the text alone")
            for (leftNode, rightNode) in zip(left, right) {
                expect(
                    leftNode.kind == rightNode.kind && leftNode.next == rightNode.next
                        && leftNode.range.lowerBound + 2 == rightNode.range.lowerBound
                        && leftNode.range.count == rightNode.range.count
                        && leftNode.hasEscapes == rightNode.hasEscapes
                        && leftNode.containsWhitespace == rightNode.containsWhitespace
                        && leftNode.name?.count == rightNode.name?.count,
                    "a part is read like the text alone")
            }
        case (.failure(let left), .failure(let right)): expectEqual(left, right, "a part fails like the text alone")
        case (.success, .failure), (.failure, .success):
            fatalError("property broken: a part is accepted like the text alone")
        }
        expectEqual(scan(&scanner, input, 0..<input.count), alone, "a scanner keeps nothing from one text to the next")
    }

    private static func checkMessage(_ input: [UInt8]) {
        switch ClientMessage(parsing: input) {
        case .ping: break
        case .filter(let filter):
            expect(filter.threatTypes.count <= Filter.namesMax, "the types of a filter keep to their limit")
            expect(filter.customerNames.count <= Filter.namesMax, "the names of a filter keep to their limit")
        case .notUnderstood(let code, let detail):
            let frame = FeedFrame.error(code: code, detail: detail)
            expect(ReferenceJSON.accepts(frame, depthMax: 1), "the answer to a bad message is JSON")
            expect(frame.count < 4_096, "the answer to a bad message is short")
        }
    }

    private static func checkBatch(_ input: [UInt8]) {
        var scanner = JSONScanner()
        do throws(BatchError) {
            var end = 0
            for item in try Batch.items(ofArray: input, itemsMax: 8) {
                expect(item.lowerBound > end && item.upperBound < input.count, "items stand in order in the array")
                end = item.upperBound
                if case .failure(let error) = scan(&scanner, input, item) {
                    expectEqual(
                        error.reason, .duplicateMember, "in an item only a name that stands twice is left to find")
                }
            }
        } catch {
            expect(!error.description.isEmpty && (400...499).contains(error.status), "a refusal says why")
        }
        guard let lines = try? Batch.items(ofLines: input, itemsMax: 8) else { return }
        expect(lines.count <= 8, "lines keep to their limit")
        for line in lines { expect(!input[line].contains(0x0A), "a line has no line feed") }
    }

    /// Any text can be written as a JSON string and read again.
    private static func checkText(_ input: [UInt8]) {
        let text = String(decoding: input, as: UTF8.self)
        var written: [UInt8] = []
        JSONText.appendString(text, to: &written)
        expect(ReferenceJSON.accepts(written, depthMax: 0), "a string that we write is JSON")
        let read = JSONTokens.decode(written.span, 1..<(written.count - 1))
        expectEqual(read, Array(text.utf8), "a string that we write reads the same")
    }
}
