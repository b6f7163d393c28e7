// Feed follows the feed of threats for ever, by the loop of docs/protocol.md ("Resuming").
//
//	go run . ws://127.0.0.1:8000/ws        # -help tells the rest
//
// Standard output has one line of JSON for each threat, in the log's order, without gap or duplicate. What happens to
// the connection is said on standard error. Ends only by a signal, or because coming back would not help (1).
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	openWithin = 10 * time.Second
	goodAfter  = 5 * time.Second
	// The largest frame is the first one of a fresh client, 256 KiB. The library's own default has no bound; others
	// stop at 32 KiB.
	messageBytesMax = 1 << 20
	resumeAfter     = "resume after "
)

// A cursor is a pair of integers, and compares as one, never as text.
type cursor struct{ generation, sequence uint64 }

func parseCursor(text string) (cursor, error) {
	generation, sequence, _ := strings.Cut(text, "-")
	g, err := strconv.ParseUint(generation, 10, 64)
	if err != nil {
		return cursor{}, fmt.Errorf("no cursor: %q", text)
	}
	s, err := strconv.ParseUint(sequence, 10, 64)
	if err != nil {
		return cursor{}, fmt.Errorf("no cursor: %q", text)
	}
	return cursor{g, s}, nil
}

func (c cursor) String() string { return fmt.Sprintf("%d-%d", c.generation, c.sequence) }

func (c cursor) isAfter(other cursor) bool {
	if c.generation != other.generation {
		return c.generation > other.generation
	}
	return c.sequence > other.sequence
}

// A frame has the members that this client steers by; types and members that it does not know are ignored.
type frame struct {
	Type      string          `json:"type"`
	Cursor    string          `json:"cursor"`
	Data      json.RawMessage `json:"data"`
	Recovered *bool           `json:"recovered"`
	Reason    string          `json:"reason"`
	To        string          `json:"to"`
	Log       string          `json:"log"`
	Since     string          `json:"since"`
	Code      string          `json:"code"`
	Detail    string          `json:"detail"`
}

// A loss is the end of a connection, or that there was none; the client comes back unless it is final.
type loss struct {
	why     string
	code    int
	reason  string
	atLeast time.Duration
	isFinal bool
}

type feed struct {
	address     string
	filters     url.Values
	history     int
	position    *cursor
	silence     time.Duration
	longestWait time.Duration
	failures    int
	isBlind     bool
}

// show prints a threat. What cannot be printed would be lost without a word.
func show(threat json.RawMessage) {
	if _, err := fmt.Println(string(threat)); err != nil {
		say("giving up: what was received cannot be printed: %s", err)
		os.Exit(1)
	}
}

func say(format string, values ...any) { fmt.Fprintf(os.Stderr, format+"\n", values...) }

// run returns only when coming back would not help, with the reason.
func (f *feed) run() string {
	for {
		loss := f.follow()
		if loss.isFinal {
			return loss.why
		}
		wait := f.pause(loss)
		say("reconnecting: %s; in %.1f s", loss.why, wait.Seconds())
		time.Sleep(wait)
	}
}

// target opens where the client stands: an address that is opened again as it was would join fresh.
func (f *feed) target() string {
	query := url.Values{}
	for name, values := range f.filters {
		query[name] = values
	}
	if f.position != nil {
		query.Set("after", f.position.String())
	} else {
		query.Set("history", strconv.Itoa(f.history))
	}
	return f.address + "?" + query.Encode()
}

// follow is one connection, from its opening to its end.
func (f *feed) follow() loss {
	dialer := websocket.Dialer{
		HandshakeTimeout: openWithin, EnableCompression: true, Proxy: http.ProxyFromEnvironment,
	}
	connection, response, err := dialer.Dial(f.target(), nil)
	if err != nil {
		return refused(response, err)
	}
	defer connection.Close()
	connection.SetReadLimit(messageBytesMax)
	opened, within := time.Now(), openWithin
	// The first frame is the largest, and takes long on a thin line.
	if f.silence > within {
		within = f.silence
	}
	for {
		// Without a deadline a line that died in silence would be waited on for ever.
		if err := connection.SetReadDeadline(time.Now().Add(within)); err != nil {
			return loss{why: err.Error()}
		}
		_, text, err := connection.ReadMessage()
		if err != nil {
			return closed(err)
		}
		if err := f.take(text); err != nil {
			return loss{why: err.Error()}
		}
		within = f.silence
		if time.Since(opened) >= goodAfter {
			f.failures = 0
		}
	}
}

// refused: a proxy answers for a replica that is away with statuses of its own; only some are the service's word.
func refused(response *http.Response, err error) loss {
	if response == nil {
		return loss{why: err.Error()}
	}
	isProblem := strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json")
	status := response.StatusCode
	why := fmt.Sprintf("refused with status %d", status)
	if status == 400 || status == 401 || status == 403 || status == 422 || (status == 404 && isProblem) {
		// The library keeps the first kilobyte.
		body, _ := io.ReadAll(response.Body)
		return loss{why: why + ": " + string(body), isFinal: true}
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil {
		seconds = 0
	}
	return loss{why: why, atLeast: time.Duration(seconds) * time.Second}
}

// closed, whatever the code: only 4500 to 4999 say that coming back would not help.
func closed(err error) loss {
	var end *websocket.CloseError
	if !errors.As(err, &end) || end.Code == websocket.CloseAbnormalClosure {
		return loss{why: "the connection broke: " + err.Error()}
	}
	return loss{
		why: strings.TrimSpace(fmt.Sprintf("closed with %d %s", end.Code, end.Text)), code: end.Code, reason: end.Text,
		isFinal: end.Code >= 4500 && end.Code <= 4999,
	}
}

func (f *feed) take(text []byte) error {
	var received frame
	if err := json.Unmarshal(text, &received); err != nil {
		return err
	}
	switch received.Type {
	case "initial_batch":
		if received.Recovered != nil && !*received.Recovered {
			say("threats may be missing: %s", received.Reason)
		}
		var threats []json.RawMessage
		if err := json.Unmarshal(received.Data, &threats); err != nil {
			return err
		}
		for i := len(threats) - 1; i >= 0; i-- {
			show(threats[i])
		}
		return f.joined(received.Cursor)
	case "resumed":
		return f.joined(received.Cursor)
	case "new_threat", "threat_updated", "heartbeat":
		position, err := parseCursor(received.Cursor)
		if err != nil {
			return err
		}
		if f.position == nil || position.isAfter(*f.position) {
			if received.Type == "new_threat" {
				show(received.Data)
			}
			// After it is shown: at least once, whatever happens in between.
			f.position = &position
		}
		if received.Type == "heartbeat" {
			f.tellOutage(received)
		}
	case "reset":
		say("the log moved to a new generation, threats may repeat: %s", received.Reason)
		position, err := parseCursor(received.To)
		if err != nil {
			return err
		}
		f.position = &position
	case "error":
		say("error: %s: %s", received.Code, received.Detail)
	}
	return nil
}

func (f *feed) joined(text string) error {
	position, err := parseCursor(text)
	if err != nil {
		return err
	}
	f.position = &position
	f.isBlind = false
	say("following the feed after %s", text)
	return nil
}

// tellOutage: a heartbeat proves the line, not the log.
func (f *feed) tellOutage(heartbeat frame) {
	isBlind := heartbeat.Log == "unreachable"
	if isBlind && !f.isBlind {
		say("the log cannot be followed since %s: threats may be missing", heartbeat.Since)
	} else if f.isBlind && !isBlind {
		say("the log is followed again")
	}
	f.isBlind = isBlind
}

// pause is how long to wait. Chance matters: thousands that come back in one moment are an outage of their own.
func (f *feed) pause(end loss) time.Duration {
	if end.code == 4001 && strings.HasPrefix(end.reason, resumeAfter) {
		text := strings.TrimPrefix(end.reason, resumeAfter)
		if position, err := parseCursor(text); err == nil && (f.position == nil || position.isAfter(*f.position)) {
			f.position = &position
		}
	}
	if end.code == 1008 && f.failures < 5 {
		f.failures = 5
	}
	step := math.Min(f.longestWait.Seconds(), 0.5*math.Pow(2, math.Min(float64(f.failures), 10)))
	wait := step/2 + rand.Float64()*step/2
	if (end.code == 1012 || end.code == 4001) && f.failures == 0 {
		wait = rand.Float64() * 0.4
	}
	if end.atLeast > 0 {
		wait = math.Max(wait, math.Min(end.atLeast.Seconds()+rand.Float64()/2, f.longestWait.Seconds()))
	}
	f.failures++
	return time.Duration(wait * float64(time.Second))
}

func main() {
	after := flag.String("after", "", "go on after this cursor")
	history := flag.Int("history", 0, "recent threats to begin with")
	minSeverity := flag.String("min-severity", "", "this one and worse")
	silence := flag.Float64("silence", 35, "seconds without a frame to bear")
	longestWait := flag.Float64("longest-wait", 30, "seconds between attempts")
	flag.Parse()
	if flag.NArg() != 1 {
		say("usage: feed [flags] URL, such as ws://127.0.0.1:8000/ws")
		os.Exit(2)
	}
	rand.Seed(time.Now().UnixNano())
	f := &feed{
		address: flag.Arg(0), filters: url.Values{}, history: *history,
		silence:     time.Duration(*silence * float64(time.Second)),
		longestWait: time.Duration(*longestWait * float64(time.Second)),
	}
	if *minSeverity != "" {
		f.filters.Set("min_severity", *minSeverity)
	}
	if *after != "" {
		position, err := parseCursor(*after)
		if err != nil {
			say("-after: %s", err)
			os.Exit(2)
		}
		f.position = &position
	}
	say("giving up: %s", f.run())
	os.Exit(1)
}
