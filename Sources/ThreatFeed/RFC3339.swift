/// Timestamps as RFC 3339 writes them.
public enum RFC3339 {
    /// Length of `format(milliseconds:)`.
    public static let formattedByteCount = 24

    /// Unix time 9999-12-31T23:59:59.999Z; later times and those before the year 0 have no RFC 3339 form.
    private static let millisecondsMax: Int64 = 253_402_300_799_999
    private static let millisecondsMin: Int64 = -62_167_219_200_000

    /// `2026-01-02T03:04:05.678Z` for a Unix time; times without a four-digit year are moved to the nearest that has.
    public static func format(milliseconds: Int64) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(formattedByteCount)
        append(milliseconds: milliseconds, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the same text without quotes.
    public static func append(milliseconds: Int64, to bytes: inout [UInt8]) {
        let time = min(max(milliseconds, millisecondsMin), millisecondsMax)
        let (days, ofDay) = floorDivide(time, 86_400_000)
        let date = civilDate(daysSinceEpoch: days)
        bytes.append(addingCapacity: formattedByteCount) { output in
            append(date.year, digits: 4, then: "-", to: &output)
            append(date.month, digits: 2, then: "-", to: &output)
            append(date.day, digits: 2, then: "T", to: &output)
            append(ofDay / 3_600_000, digits: 2, then: ":", to: &output)
            append(ofDay / 60_000 % 60, digits: 2, then: ":", to: &output)
            append(ofDay / 1_000 % 60, digits: 2, then: ".", to: &output)
            append(ofDay % 1_000, digits: 3, then: "Z", to: &output)
        }
    }

    /// Unix time in milliseconds of a timestamp; further digits of the second are cut off.
    ///
    /// The grammar is that of §5.6 (`T` and `Z` in either case, no space). Dates must exist, offsets be at most 23:59,
    /// and second 60 may stand only where §5.7 has leap seconds: at 23:59 UTC on the last day of a month. It is
    /// counted like the second after it.
    /// - Returns: `nil` for anything else.
    public static func milliseconds(of text: ArraySlice<UInt8>) -> Int64? {
        var reader = TimestampReader(text)
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let day = reader.number(2), reader.take("T", or: "t"), let hour = reader.number(2), reader.take(":"),
            let minute = reader.number(2), reader.take(":"), let second = reader.number(2),
            let fraction = reader.fraction(), let offsetMinutes = reader.offset(), reader.isAtEnd,
            month >= 1, month <= 12, day >= 1, day <= daysIn(month: month, of: year), hour <= 23, minute <= 59,
            second <= 60
        else { return nil }
        let days = daysSinceEpoch(year: year, month: month, day: day)
        let minutes = days * 1_440 + hour * 60 + minute - offsetMinutes
        if second == 60 {
            let (utcDays, utcMinute) = floorDivide(minutes, 1_440)
            guard utcMinute == 1_439, civilDate(daysSinceEpoch: utcDays + 1).day == 1 else { return nil }
        }
        return (minutes * 60 + second) * 1_000 + fraction
    }

    /// Unix time in milliseconds of a timestamp.
    public static func milliseconds(of text: String) -> Int64? {
        milliseconds(of: Array(text.utf8)[...])
    }

    @inline(__always)
    private static func append(
        _ value: Int64, digits: Int, then mark: Unicode.Scalar, to output: inout OutputSpan<UInt8>
    ) {
        let zero = UInt8(ascii: "0")
        let (hundreds, rest) = value.quotientAndRemainder(dividingBy: 100)
        if digits == 4 { output.append(zero &+ UInt8(truncatingIfNeeded: hundreds / 10)) }
        if digits >= 3 { output.append(zero &+ UInt8(truncatingIfNeeded: hundreds % 10)) }
        output.append(zero &+ UInt8(truncatingIfNeeded: rest / 10))
        output.append(zero &+ UInt8(truncatingIfNeeded: rest % 10))
        output.append(UInt8(ascii: mark))
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func daysIn(month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days of the proleptic Gregorian calendar. Years are counted from March, so that the leap day comes last, in
    /// eras of 400 years with 146,097 days each.
    private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = floorDivide(shifted, 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civilDate(daysSinceEpoch days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}

/// Takes a timestamp apart from left to right.
private struct TimestampReader {
    private let text: ArraySlice<UInt8>
    private var index: Int

    init(_ text: ArraySlice<UInt8>) {
        self.text = text
        index = text.startIndex
    }

    var isAtEnd: Bool { index == text.endIndex }

    mutating func take(_ mark: Unicode.Scalar, or other: Unicode.Scalar? = nil) -> Bool {
        guard index < text.endIndex else { return false }
        let byte = UInt32(text[index])
        guard byte == mark.value || byte == other?.value else { return false }
        index += 1
        return true
    }

    mutating func number(_ digits: Int) -> Int64? {
        guard text.endIndex - index >= digits else { return nil }
        var value: Int64 = 0
        for _ in 0..<digits {
            guard TextPattern.isDigit(text[index]) else { return nil }
            value = value * 10 + Int64(text[index] &- UInt8(ascii: "0"))
            index += 1
        }
        return value
    }

    /// Milliseconds of an optional fraction with any number of digits.
    mutating func fraction() -> Int64? {
        guard take(".") else { return 0 }
        let start = index
        var milliseconds: Int64 = 0
        var weight: Int64 = 100
        while index < text.endIndex, TextPattern.isDigit(text[index]) {
            milliseconds += Int64(text[index] &- UInt8(ascii: "0")) * weight
            weight /= 10
            index += 1
        }
        return index > start ? milliseconds : nil
    }

    /// Minutes east of UTC.
    mutating func offset() -> Int64? {
        if take("Z", or: "z") { return 0 }
        let sign: Int64
        if take("+") {
            sign = 1
        } else if take("-") {
            sign = -1
        } else {
            return nil
        }
        guard let hours = number(2), take(":"), let minutes = number(2), hours <= 23, minutes <= 59 else { return nil }
        return sign * (hours * 60 + minutes)
    }
}
