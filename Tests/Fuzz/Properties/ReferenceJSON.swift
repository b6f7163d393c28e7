/// A second reader of JSON, written for its plainness: what RFC 8259 says, one function per rule, text as Unicode
/// scalars. The product's scanner must accept exactly what this accepts.
struct ReferenceJSON {
    private let scalars: [Unicode.Scalar]
    private let depthMax: Int
    private var index = 0

    private struct Refused: Error {}

    /// Whether the bytes are a JSON text without duplicate names, within a depth.
    static func accepts(_ bytes: [UInt8], depthMax: Int) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        var reader = ReferenceJSON(scalars: Array(text.unicodeScalars), depthMax: depthMax)
        do {
            reader.skipWhitespace()
            try reader.value(depth: 0)
            reader.skipWhitespace()
            return reader.index == reader.scalars.count
        } catch {
            return false
        }
    }

    private init(scalars: [Unicode.Scalar], depthMax: Int) {
        self.scalars = scalars
        self.depthMax = depthMax
    }

    private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        index += 1
        return true
    }

    private mutating func skipWhitespace() {
        while let scalar = next, " \t\n\r".unicodeScalars.contains(scalar) { index += 1 }
    }

    private mutating func value(depth: Int) throws {
        switch next {
        case "{": try object(depth: depth + 1)
        case "[": try array(depth: depth + 1)
        case "\"": _ = try string()
        case "t": try word("true")
        case "f": try word("false")
        case "n": try word("null")
        default: try number()
        }
    }

    private mutating func word(_ text: String) throws {
        for scalar in text.unicodeScalars {
            guard take(scalar) else { throw Refused() }
        }
    }

    private mutating func object(depth: Int) throws {
        guard depth <= depthMax, take("{") else { throw Refused() }
        var names: Set<[UInt32]> = []
        skipWhitespace()
        if take("}") { return }
        repeat {
            skipWhitespace()
            guard names.insert(try string()).inserted else { throw Refused() }
            skipWhitespace()
            guard take(":") else { throw Refused() }
            skipWhitespace()
            try value(depth: depth)
            skipWhitespace()
        } while take(",")
        guard take("}") else { throw Refused() }
    }

    private mutating func array(depth: Int) throws {
        guard depth <= depthMax, take("[") else { throw Refused() }
        skipWhitespace()
        if take("]") { return }
        repeat {
            skipWhitespace()
            try value(depth: depth)
            skipWhitespace()
        } while take(",")
        guard take("]") else { throw Refused() }
    }

    /// - Returns: The scalars that the string stands for.
    private mutating func string() throws -> [UInt32] {
        guard take("\"") else { throw Refused() }
        var units: [UInt32] = []
        while let scalar = next {
            index += 1
            switch scalar {
            case "\"": return units
            case "\\": units.append(try escape())
            default:
                guard scalar.value >= 0x20 else { throw Refused() }
                units.append(scalar.value)
            }
        }
        throw Refused()
    }

    private mutating func escape() throws -> UInt32 {
        guard let scalar = next else { throw Refused() }
        index += 1
        switch scalar {
        case "\"", "\\", "/": return scalar.value
        case "b": return 0x08
        case "f": return 0x0C
        case "n": return 0x0A
        case "r": return 0x0D
        case "t": return 0x09
        case "u":
            let unit = try hexadecimal()
            guard (0xD800...0xDFFF).contains(unit) else { return unit }
            guard unit < 0xDC00, take("\\"), take("u") else { throw Refused() }
            let low = try hexadecimal()
            guard (0xDC00...0xDFFF).contains(low) else { throw Refused() }
            return 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
        default: throw Refused()
        }
    }

    private mutating func hexadecimal() throws -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let scalar = next, scalar.isASCII, let digit = Character(scalar).hexDigitValue else {
                throw Refused()
            }
            unit = unit * 16 + UInt32(digit)
            index += 1
        }
        return unit
    }

    private mutating func number() throws {
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
    }

    private mutating func digits() throws {
        let start = index
        while let scalar = next, ("0"..."9").contains(scalar) { index += 1 }
        guard index > start else { throw Refused() }
    }
}
