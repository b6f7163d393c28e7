import Corpora
import Testing
import ThreatFeed

@Suite("The corpus of threats, batches and messages")
struct ThreatCorpusTests {
    @Test("contract, A threat: each is accepted, or every broken field is named", arguments: ThreatCorpus.all)
    func decides(_ sample: ThreatCase) {
        var parser = ThreatParser()
        var fields: [String] = []
        do throws(ThreatRejection) {
            _ = try parser.parse(sample.body, receipt: receipt())
        } catch {
            guard case .invalid(let errors) = error else {
                Issue.record("\(error)")
                return
            }
            fields = errors.map(\.field)
        }
        #expect(fields == sample.brokenFields)
    }

    @Test("contract, A threat: broken members are named together, each as it is alone")
    func namesAllAtOnce() {
        // One broken value of each member, joined into one threat.
        var fields: [String] = []
        var members: [String] = []
        for sample in ThreatCorpus.all where sample.brokenFields.count == 1 {
            let field = sample.brokenFields[0]
            let body = text(sample.body)
            let prefix = #"{"threat_type":"a","#
            guard body.hasPrefix(prefix), !fields.contains(field), !field.contains("["), !body.contains("\\u0065q")
            else { continue }
            fields.append(field)
            members.append(String(body.dropFirst(prefix.count).dropLast()))
        }
        #expect(fields.count >= 14)
        #expect(brokenFields("{\(members.joined(separator: ","))}") == fields + ["threat_type"])
    }

    @Test(
        "contract, HTTP: a batch is refused whole, or each item is decided by itself", arguments: ThreatBatchCorpus.all)
    func decides(_ sample: ThreatBatchCase) {
        var parser = ThreatParser()
        do throws(BatchError) {
            let items =
                sample.isLines ? try Batch.items(ofLines: sample.body) : try Batch.items(ofArray: sample.body)
            let statuses = items.map { item in
                do throws(ThreatRejection) {
                    _ = try parser.parse(sample.body, item: item, bytesMax: 65_536, receipt: receipt())
                    return 201
                } catch {
                    return error.status
                }
            }
            guard case .items(let expected) = sample.outcome else {
                Issue.record("not refused: \(statuses)")
                return
            }
            // Retries and conflicts are for the log to tell.
            #expect(statuses == expected.map { [200, 409].contains($0) ? 201 : $0 })
        } catch {
            #expect(sample.outcome == .refused(status: error.status, offset: error.offset))
            #expect(error.errors.map(\.field) == (error.status == 422 ? [""] : []))
            #expect(error.errors.allSatisfy { $0.message.contains("array") })
        }
    }

    @Test("contract, WebSocket: each message has its answer", arguments: ThreatMessageCorpus.all)
    func decides(_ sample: ThreatMessageCase) {
        let answer: ThreatMessageCase.Answer
        switch ClientMessage(parsing: Array(sample.text.utf8)) {
        case .ping: answer = .pong
        case .filter: answer = .filtered
        case .notUnderstood(let code, let detail):
            answer = .error(code)
            #expect(!detail.isEmpty && detail.utf8.count < 512)
        }
        #expect(answer == sample.answer)
    }

    @Test("RFC 3339: the corpus' timestamps are read and refused by themselves too")
    func timestamps() {
        for sample in ThreatTimestampCorpus.accepted where !sample.contains("\\") {
            #expect(RFC3339.milliseconds(of: sample) != nil, "\(sample)")
        }
        for sample in ThreatTimestampCorpus.refused {
            #expect(RFC3339.milliseconds(of: sample) == nil, "\(sample)")
        }
    }
}
