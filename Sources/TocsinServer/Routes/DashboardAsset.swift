import HTTPProtocol

/// The dashboard's files, embedded in the binary.
struct DashboardAsset: Equatable {
    let name: String
    private let content: [UInt8]

    /// The page itself, served at `/`.
    static let page = DashboardAsset(name: "index.html", content: PackageResources.index_html)

    /// Served under `/dashboard/`. A new file is listed here and in `Package.swift`.
    private static let files: [String: [UInt8]] = [
        "address.js": PackageResources.address_js, "app.js": PackageResources.app_js,
        "ask.js": PackageResources.ask_js, "detail.js": PackageResources.detail_js,
        "dom.js": PackageResources.dom_js, "feed.js": PackageResources.feed_js,
        "fill.js": PackageResources.fill_js, "hold.js": PackageResources.hold_js,
        "intake.js": PackageResources.intake_js, "lag.js": PackageResources.lag_js,
        "list.js": PackageResources.list_js, "notices.js": PackageResources.notices_js,
        "panel.js": PackageResources.panel_js, "pulse.js": PackageResources.pulse_js,
        "row.js": PackageResources.row_js, "sample.js": PackageResources.sample_js,
        "state.js": PackageResources.state_js, "store.js": PackageResources.store_js,
        "tally.js": PackageResources.tally_js, "wire.js": PackageResources.wire_js,
        "words.js": PackageResources.words_js,
        "style.css": PackageResources.style_css, "favicon.svg": PackageResources.favicon_svg,
    ]

    private init(name: String, content: [UInt8]) {
        self.name = name
        self.content = content
    }

    init?(path: String) {
        let prefix = "/dashboard/"
        let name =
            path == "/favicon.ico" ? "favicon.svg" : path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : ""
        guard let content = Self.files[name] else { return nil }
        self.init(name: name, content: content)
    }

    var response: HTTPResponse {
        HTTPResponse(
            status: .ok,
            headers: [
                ("Content-Type", contentType), ("Cache-Control", "no-cache"),
                ("Content-Security-Policy", Self.contentSecurityPolicy), ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
                ("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Resource-Policy", "same-origin"),
            ], body: content)
    }

    /// Nothing but our own files, no markup from strings: a threat's text stays text whatever it holds.
    private static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

    private var contentType: String {
        if name.hasSuffix(".js") { return "text/javascript; charset=utf-8" }
        if name.hasSuffix(".css") { return "text/css; charset=utf-8" }
        if name.hasSuffix(".svg") { return "image/svg+xml" }
        return "text/html; charset=utf-8"
    }
}
