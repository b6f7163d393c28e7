/// A Date field (RFC 9110 §6.6.1), written once a second for all responses of that second.
public struct DateField: Sendable {
    /// The whole line; empty for none.
    let line: [UInt8]

    /// No such field, as in the response of a server without a clock.
    public static let none = DateField(line: [])

    private init(line: [UInt8]) {
        self.line = line
    }

    /// - Parameter unixSeconds: As in `HTTPDate.format`.
    public init(unixSeconds: Int64) {
        line = Array("Date: \(HTTPDate.format(unixSeconds: unixSeconds))\r\n".utf8)
    }
}

/// The preferred date format of HTTP, IMF-fixdate (RFC 9110 §5.6.7).
public enum HTTPDate {
    /// `Sun, 06 Nov 1994 08:49:37 GMT` for seconds since 1970-01-01T00:00:00Z; years 0 to 9999, else the nearest.
    public static func format(unixSeconds: Int64) -> String {
        let seconds = min(max(unixSeconds, -62_167_219_200), 253_402_300_799)
        let second = ((Int(seconds) % 86_400) + 86_400) % 86_400
        let days = (Int(seconds) - second) / 86_400
        let (year, month, day) = civil(days: days)
        let weekday = ((days + 4) % 7 + 7) % 7
        return "\(weekdays[weekday]), \(padded(day, 2)) \(months[month - 1]) \(padded(year, 4)) "
            + "\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2)) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Year, month and day of a day number since 1970-01-01 in the proleptic Gregorian calendar, computed in years
    /// that start in March so that the leap day comes last.
    private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
