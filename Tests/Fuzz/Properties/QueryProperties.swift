import Corpora
import RedisLog

@testable import HTTPProtocol
@testable import ThreatFeed

/// Any bytes as a query, a cursor, a time, a path, an origin and the URL of a Redis.
enum QueryProperties {
    static func check(_ input: [UInt8]) {
        checkQuery(input)
        checkCursor(input)
        checkTime(input)
        checkPercent(input)
        checkOrigin(String(decoding: input, as: UTF8.self))
        checkEndpoint(String(decoding: input, as: UTF8.self))
    }

    private static func checkOrigin(_ text: String) {
        guard let origin = HTTPOrigin(text) else { return }
        let host = text.split(separator: "/").last.map(String.init) ?? ""
        expect(origin.isSame(asHost: host, scheme: origin.scheme), "an origin is that of its host")
        expectEqual(HTTPOrigin(text.uppercased()), origin, "an origin has no case")
    }

    private static func checkQuery(_ input: [UInt8]) {
        do throws(HTTPQueryError) {
            let query = try HTTPQuery(parsing: input)
            let written = query.pairs.map { "\(encoded($0.name))=\(encoded($0.value))" }.joined(separator: "&")
            let again = try HTTPQuery(parsing: Array(written.utf8))
            expect(
                again.pairs.map(\.name) == query.pairs.map(\.name)
                    && again.pairs.map(\.value) == query.pairs.map(\.value),
                "a query reads as it was written")
            checkFilter(query)
            for name in ["after", "before", "Last-Event-ID"] {
                for value in query.all(name) { checkCursor(Array(value.utf8)) }
            }
        } catch {
            expect(!error.detail.isEmpty && error.status == .badRequest, "a refused query says why")
        }
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: byte & 1 == 0)
        }.joined()
    }

    private static func checkFilter(_ query: HTTPQuery) {
        do throws(FilterError) {
            let filter = try Filter(
                minSeverity: query.all("min_severity"), threatType: query.all("threat_type"),
                customerName: query.all("customer_name"))
            expect(filter.threatTypes.count <= Filter.namesMax, "types keep to their limit")
            expect(filter.customerNames.count <= Filter.namesMax, "names keep to their limit")
            let again = try Filter(
                minSeverity: filter.minSeverity.name, threatTypes: filter.threatTypes.sorted(),
                customerNames: filter.customerNames.sorted())
            expectEqual(again, filter, "a filter reads as it was written")
            for type in filter.threatTypes {
                let facets = Facets(
                    severity: .critical, threatType: type, customerName: filter.customerNames.first)
                expect(filter.matches(facets), "a filter lets through what it names")
            }
        } catch {
            expect(!error.description.isEmpty, "a refused filter says why")
        }
    }

    private static func checkCursor(_ input: [UInt8]) {
        guard let cursor = Cursor(ascii: input[...]) else { return }
        expectEqual(Array(cursor.description.utf8), input, "a cursor has one form")
        var written: [UInt8] = []
        cursor.append(to: &written)
        expectEqual(written, input, "a cursor is written as it was read")
        expectEqual(cursor.textByteCount, input.count, "a cursor is as long as announced")
        expectEqual(Cursor(cursor.description), cursor, "a cursor reads as it was written")
    }

    private static func checkTime(_ input: [UInt8]) {
        guard let milliseconds = RFC3339.milliseconds(of: input[...]) else { return }
        let text = RFC3339.format(milliseconds: milliseconds)
        expectEqual(text.utf8.count, RFC3339.formattedByteCount, "a time has one length")
        // An offset can lead out of the years 0 to 9999, which have no text.
        guard (-62_167_219_200_000...253_402_300_799_999).contains(milliseconds) else { return }
        expectEqual(RFC3339.milliseconds(of: text), milliseconds, "a time reads as it was written")
    }

    private static func checkPercent(_ input: [UInt8]) {
        guard let decoded = PercentDecoding.decode(input.span, 0..<input.count) else {
            return expect(input.contains(UInt8(ascii: "%")), "only a percent sign can be malformed")
        }
        expect(decoded.count <= input.count, "decoding makes nothing longer")
        if !input.contains(UInt8(ascii: "%")) { expectEqual(decoded, input, "what is not encoded stays") }
    }

    private static func checkEndpoint(_ url: String) {
        do throws(RedisEndpointError) {
            let endpoint = try RedisEndpoint(url: url)
            guard endpoint.password != nil else { return }
            // Its text may well stand elsewhere in the URL too; what is shown must not depend on it.
            let other = RedisEndpoint(
                location: endpoint.location, user: endpoint.user, password: "another", database: endpoint.database,
                tls: endpoint.tls)
            expectEqual(endpoint.description, other.description, "a password is not shown")
        } catch {
            expect(!error.description.isEmpty, "a refused URL says why")
        }
    }
}
