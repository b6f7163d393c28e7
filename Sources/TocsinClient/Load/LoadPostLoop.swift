import Histogram
import PosixIO

/// The thread of a load's publishers: one poller, a schedule, and each post until it is kept or given up.
struct LoadPostLoop {
    /// What others may know while it runs.
    enum Event {
        /// A publisher is connected for the first time.
        case ready
        case acknowledged(Int)
        /// Nothing new is posted any more.
        case draining
        case failed(String)
    }

    private enum Phase {
        case connecting
        case posting(end: MonotonicTime)
        /// Nothing new is posted; what is on its way may take until then.
        case draining(until: MonotonicTime)
    }

    private static let mailboxSlot = UInt32.max
    private static let answerWithin = Duration.seconds(10)
    private static let giveUpAfter = Duration.seconds(30)
    private static let drainMax = Duration.seconds(10)
    private static let attemptsMax = 60
    private static let tick = Duration.milliseconds(100)

    private let options: LoadPostOptions
    private let replicas: LoadReplicas
    private let mailbox: Mailbox<LoadPosting.Command>
    private let note: (Event) -> Void
    private let poller: Poller
    private let publishers: [LoadPublisher]
    private var interests: [PollEvents]
    private var wasReady: [Bool]
    /// Publishers that are connected and have nothing to do.
    private var free: [Int] = []
    private var request: LoadRequest
    /// Each publisher's request, written again for every post.
    private var requests: [[UInt8]]
    private var scratch = [UInt8](repeating: 0, count: 256 << 10)
    private var phase = Phase.connecting
    private var nextPost = 0
    private var nextCheck = MonotonicTime.now
    private var isStopping = false
    private var isAbandoned = false
    private var random = SystemRandomNumberGenerator()
    private var posts = LoadPosts()

    init(
        _ options: LoadPostOptions, replicas: LoadReplicas, mailbox: Mailbox<LoadPosting.Command>,
        note: @escaping (Event) -> Void
    ) throws(SystemError) {
        self.options = options
        self.replicas = replicas
        self.mailbox = mailbox
        self.note = note
        request = LoadRequest(
            batch: options.batch, threatBytes: options.threatBytes, idPrefix: options.idPrefix, log: options.log)
        publishers = (0..<options.publishers).map { LoadPublisher(index: $0) }
        requests = [[UInt8]](repeating: [], count: options.publishers)
        interests = [PollEvents](repeating: [], count: options.publishers)
        wasReady = [Bool](repeating: false, count: options.publishers)
        poller = try Poller()
        try poller.add(mailbox.descriptor, .readable, token: PollToken(slot: Self.mailboxSlot, generation: 0))
    }

    /// Posts from the command to begin until the period is over or a command to end.
    mutating func run() -> LoadPosts {
        for index in publishers.indices { connect(index) }
        while !isFinished {
            let count = poller.wait(timeout: timeout(.now))
            for position in 0..<count { serve(poller.event(at: position)) }
            let now = MonotonicTime.now
            advance(now)
            postDue()
            if now >= nextCheck { check(now) }
        }
        for publisher in publishers {
            if publisher.post != nil {
                if isAbandoned { posts.unanswered += options.batch } else { posts.failed += options.batch }
            }
            publisher.disconnect()
        }
        return posts
    }

    private var isFinished: Bool {
        guard !isAbandoned else { return true }
        return switch phase {
        case .connecting: isStopping
        case .posting: false
        case .draining(let end): publishers.allSatisfy { $0.post == nil } || MonotonicTime.now >= end
        }
    }

    private func timeout(_ now: MonotonicTime) -> Duration {
        var next = nextCheck
        if case .posting(let end) = phase {
            next = min(next, end)
            if !free.isEmpty, let due = dueTime { next = min(next, due) }
        }
        return max(.zero, next - now)
    }

    /// When the next post is due; `nil` for as soon as somebody is free.
    private var dueTime: MonotonicTime? {
        options.dueTime(ofPost: nextPost).map { posts.start + $0 }
    }

    private mutating func serve(_ event: (token: PollToken, events: PollEvents)) {
        guard event.token.slot != Self.mailboxSlot else {
            for command in mailbox.take() {
                switch command {
                case .begin: begin()
                case .stop: isStopping = true
                case .abandon: (isStopping, isAbandoned) = (true, true)
                }
            }
            return
        }
        let index = Int(event.token.slot)
        guard publishers[index].generation == event.token.generation else { return }
        handle(publishers[index].handle(event.events, scratch: &scratch), index)
    }

    private mutating func begin() {
        guard case .connecting = phase else { return }
        posts.start = .now
        phase = .posting(end: posts.start + options.period)
    }

    private mutating func advance(_ now: MonotonicTime) {
        guard case .posting(let planned) = phase else { return }
        posts.isFull = (nextPost + 1) * options.batch > options.threatsMax
        guard isStopping || posts.isFull || now >= planned else { return }
        if let rate = options.rate {
            let end = min(now, planned)
            let owed = Double((end - posts.start).nanoseconds) / 1e9 * rate / Double(options.batch)
            posts.unsent = max(0, Int(owed.rounded(.up)) - nextPost) * options.batch
        }
        phase = .draining(until: now + Self.drainMax)
        note(.draining)
    }

    /// Gives everybody who is free what is due.
    private mutating func postDue() {
        guard case .posting(let end) = phase else { return }
        // In turn, so that every replica gets its share at any rate.
        while let index = free.first {
            let now = MonotonicTime.now
            let due = dueTime ?? now
            guard due <= now, due < end else { return }
            free.removeFirst()
            publishers[index].post = LoadPublisher.Post(
                firstNumber: nextPost * options.batch, due: due, giveUpAt: now + Self.giveUpAfter)
            nextPost += 1
            attempt(index)
        }
    }

    // MARK: - One publisher

    /// Sends a publisher's post, over a connection that is ready.
    private mutating func attempt(_ index: Int) {
        let publisher = publishers[index]
        guard let post = publisher.post, let url = publisher.url else { return }
        if post.attempts == 0 || requests[index].isEmpty {
            request.write(first: post.firstNumber, due: post.due, url: url, to: &requests[index])
        }
        publisher.post?.attempts += 1
        publisher.deadline = .now + Self.answerWithin
        handle(publisher.send(requests[index]), index)
    }

    private mutating func handle(_ outcome: LoadPublisher.Outcome, _ index: Int) {
        let publisher = publishers[index]
        switch outcome {
        case .nothing: break
        case .ready:
            publisher.deadline = nil
            if !wasReady[index] { note(.ready) }
            wasReady[index] = true
            if publisher.post == nil { free.append(index) } else { attempt(index) }
        case .answered(let status, let retryAfter, let body):
            publisher.deadline = nil
            answered(status, retryAfter, body, index)
        case .failed(let reason):
            note(.failed(reason))
            noteLostAttempt(publisher)
            return again(index, after: nil, reason)
        }
        watch(index)
    }

    private mutating func watch(_ index: Int) {
        guard let descriptor = publishers[index].descriptor, publishers[index].interest != interests[index] else {
            return
        }
        interests[index] = publishers[index].interest
        do throws(SystemError) {
            let token = PollToken(slot: UInt32(index), generation: publishers[index].generation)
            try poller.modify(descriptor, interests[index], token: token)
        } catch {
            again(index, after: nil, error.description)
        }
    }

    private mutating func answered(_ status: Int, _ retryAfter: Duration?, _ body: ArraySlice<UInt8>, _ index: Int) {
        guard let post = publishers[index].post else { return }
        var statuses = [status]
        if options.batch > 1 {
            statuses =
                status == 200
                ? LoadAnswer.itemStatuses(body, count: options.batch) ?? []
                : [Int](repeating: status, count: options.batch)
        }
        guard statuses.count == options.batch else {
            return again(index, after: nil, "an answer to a batch that is none")
        }
        let refused = statuses.count { $0 == 503 || $0 == 429 }
        posts.refused += refused
        guard refused == 0 else {
            posts.firstRefusal = posts.firstRefusal ?? Self.words(status, body)
            note(.failed("answered \(status), \(refused) threats to be posted again"))
            return again(index, after: retryAfter ?? .zero, "refused for the moment")
        }
        note(.acknowledged(posts.take(statuses, firstNumber: post.firstNumber, due: post.due, now: .now)))
        if let broken = statuses.first(where: { $0 != 200 && $0 != 201 }) {
            giveUp(reason: Self.words(broken, body))
        }
        publishers[index].backoff.reset()
        publishers[index].post = nil
        if publishers[index].isConnected { free.append(index) } else { connect(index) }
    }

    private static func words(_ status: Int, _ body: ArraySlice<UInt8>) -> String {
        "answered \(status): \(String(decoding: body.prefix(300), as: UTF8.self))"
    }

    /// Without a byte of it on its way a post cannot have been kept.
    private mutating func noteLostAttempt(_ publisher: LoadPublisher) {
        if publisher.post != nil, publisher.hasBegun { posts.lostAttempts += 1 }
    }

    private mutating func giveUp(reason: String) {
        posts.firstFailure = posts.firstFailure ?? reason
        note(.failed(reason))
    }

    /// Waits and connects again, to another replica; gives the post up when its time is over.
    /// - Parameter asked: What the replica asked to wait.
    private mutating func again(_ index: Int, after asked: Duration?, _ reason: String) {
        let publisher = publishers[index]
        free.removeAll { $0 == index }
        publisher.disconnect()
        publisher.deadline = nil
        let pause = publisher.backoff.next(randomness: Double.random(in: 0..<1, using: &random))
        publisher.retryAt = .now + max(pause, min(asked ?? .zero, .seconds(60)))
        guard let post = publisher.post, let retryAt = publisher.retryAt else { return }
        if post.attempts >= Self.attemptsMax || retryAt > post.giveUpAt {
            publisher.post = nil
            posts.failed += options.batch
            giveUp(reason: "given up after \(post.attempts) attempts: \(reason)")
        }
    }

    private mutating func connect(_ index: Int) {
        let publisher = publishers[index]
        let (url, address) = replicas.choose(publisher.attempts)
        publisher.retryAt = nil
        publisher.deadline = .now + Self.answerWithin
        do {
            // The request names its host.
            if publisher.url != url { requests[index].removeAll(keepingCapacity: true) }
            try publisher.connect(to: url, address)
            guard let descriptor = publisher.descriptor else { return }
            interests[index] = publisher.interest
            try poller.add(
                descriptor, interests[index],
                token: PollToken(slot: UInt32(index), generation: publisher.generation))
        } catch {
            note(.failed("\(error)"))
            again(index, after: nil, "\(error)")
        }
    }

    /// Looks after those who wait.
    private mutating func check(_ now: MonotonicTime) {
        nextCheck = now + Self.tick
        for index in publishers.indices {
            if let time = publishers[index].retryAt {
                if time <= now { connect(index) } else { nextCheck = min(nextCheck, time) }
            } else if let time = publishers[index].deadline, time <= now {
                note(.failed("no answer in time"))
                noteLostAttempt(publishers[index])
                again(index, after: nil, "no answer in time")
            }
        }
    }
}
