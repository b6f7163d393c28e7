package import PosixIO
import ThreatFeed

/// What the id of a threat of a load says: its number, counted from 0, and when its post was due.
///
/// Written `PREFIX-NUMBER.NANOSECONDS`, so that whoever receives the threat knows how late it is.
package struct LoadStamp: Equatable, Sendable {
    package let number: Int
    package let due: MonotonicTime

    package init(number: Int, due: MonotonicTime) {
        self.number = number
        self.due = due
    }

    /// Reads an id.
    /// - Returns: `nil` for a threat that is not of this load.
    package init?(id: String, prefix: String) {
        guard id.hasPrefix(prefix), id.utf8.dropFirst(prefix.utf8.count).first == UInt8(ascii: "-") else { return nil }
        let numbers = id.dropFirst(prefix.count + 1).split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 2, let number = Int(numbers[0]), (0..<LoadTallies.talliesMax).contains(number),
            let due = Int64(numbers[1]), due >= 0
        else { return nil }
        self.init(number: number, due: MonotonicTime(nanoseconds: due))
    }

    /// Appends the id without quotes.
    package func append(prefix: [UInt8], to text: inout [UInt8]) {
        text += prefix
        text.append(UInt8(ascii: "-"))
        JSONText.appendInteger(Int64(number), to: &text)
        text.append(UInt8(ascii: "."))
        JSONText.appendInteger(due.nanoseconds, to: &text)
    }
}
