package clients

import "time"

// A sceneCheck looks at one promise.
type sceneCheck struct {
	section, promise string
	says             string
	on               string        // the only transport that has it; "": both
	set              func(*server) // before the client comes
	run              func(*scene)
}

func scenes() []sceneCheck { return append(dutyScenes(), otherScenes()...) }

func dutyScenes() []sceneCheck {
	const duties = "A client's duties"
	return []sceneCheck{
		{section: duties, promise: "messages are told to the application once and in their order",
			says: "On one subscription no message comes twice, none out of order",
			run:  (*scene).inOrder},
		{section: duties, promise: "a client comes back with its last cursor, and nothing is lost or doubled",
			says: "Keep the last cursor of each channel, and come back with it as since.",
			run:  (*scene).resume},
		{section: duties, promise: "it does so each time",
			says: "Keep the last cursor of each channel, and come back with it as since.",
			run:  (*scene).resumeAgain},
		{section: duties, promise: "a gap is taken to the application, and its cursor is the place to come back with",
			says: `Take a gap or "recovered":false to the application: what it showed may be incomplete.`,
			run:  (*scene).gap},
		{section: duties, promise: "recovered false is taken to the application",
			says: `Take a gap or "recovered":false to the application: what it showed may be incomplete.`,
			run:  (*scene).notRecovered},
		{section: duties, promise: "messages from one's own id are ignored",
			says: "Ignore messages from one's own id",
			run:  (*scene).own},
		{section: duties, promise: "unknown ops and fields are ignored",
			says: "Ignore unknown fields, and frames of an unknown op wherever they stand: in front of welcome, between two frames of an answer, alone in one.",
			set:  func(s *server) { s.noise = true }, run: (*scene).undisturbed},
		{section: duties, promise: "an unknown error code fails its request, and nothing else",
			says: "A client meeting a code it does not know treats it as it treats internal.",
			run:  (*scene).unknownCode},
		{section: duties, promise: "what was sent arrives as it was given, and its acknowledgement is told",
			says: "sent comes after the store has taken the message, never before, with its id and its place.",
			run:  (*scene).sends},
		{section: duties, promise: "what was not acknowledged is sent again under the same id",
			says: "Give every message an id if it may be sent again, and send again under the same one.",
			run:  (*scene).sendsAgain},
		{section: duties, promise: "after bye, it comes back when retry milliseconds have passed",
			says: "comes back after bye.retry milliseconds, or else at once, with jitter",
			run:  (*scene).bye},
		{section: duties, promise: "after 4100 (too slow), it comes back and resumes",
			says: "comes back with back-off, and resumes by its cursors",
			on:   WebSocket, run: (*scene).tooSlow},
		{section: duties, promise: "while the server is unavailable, it backs off, and comes back",
			says: "comes back with back-off, and resumes by its cursors",
			run:  (*scene).backOff},
		{section: duties, promise: "after 4200 it does not come back, and the application is told",
			says: "does not come back by itself; the application is told",
			on:   WebSocket,
			run:  func(s *scene) { s.refused(4200, "bad_frame") }},
		{section: duties, promise: "after 4201 or unauthorized it does not come back, and the application is told",
			says: "does not come back by itself; the application is told",
			run:  func(s *scene) { s.refused(4201, "unauthorized") }},
		{section: duties, promise: "after 4203 or forbidden it does not come back, and the application is told",
			says: "does not come back by itself; the application is told",
			run:  func(s *scene) { s.refused(4203, "forbidden") }},
		{section: duties, promise: "connections that end behind their welcome are not followed at once",
			says: "and so where a connection ends behind its welcome, each time",
			on:   WebSocket, run: (*scene).brief},
		{section: duties, promise: "exchanges that are answered at once with nothing new are followed after a pause",
			says: "Where an exchange that was to be held is answered at once, and brings nothing but what is ignored",
			on:   LongPoll, run: (*scene).unheld},
	}
}

// otherScenes look at what the sections on frames and transports want of a client.
func otherScenes() []sceneCheck {
	const frames, socket, poll = "Frames", "WebSocket", "Long-poll"
	return []sceneCheck{
		{section: frames, promise: "payloads are told as they are",
			says: "payload is any JSON value and is handed on exactly as it is written",
			run:  (*scene).payloads},
		{section: socket, promise: "a welcome may come late",
			says: "A client should trust the connection from then on and not before",
			run:  (*scene).inOrder,
			set:  func(s *server) { s.receive = func(int) reception { return reception{welcomeIn: time.Second} } }},
		{section: socket, promise: "a connection that is never welcomed is not trusted",
			says: "A client should trust the connection from then on and not before",
			on:   WebSocket, run: (*scene).inOrder,
			set: func(s *server) { s.receive = func(n int) reception { return reception{mute: n == 1} } }},
		{section: socket, promise: "a ping is answered with a pong of the same payload",
			says: "a ping is answered with a pong of the same payload",
			on:   WebSocket, run: (*scene).pong},
		{section: socket, promise: "a message may be as large as max_message, and come in fragments",
			says: "a message may come in fragments, with pings between them",
			on:   WebSocket, run: (*scene).fragments},
		{section: poll, promise: "a cursor that is ahead, with nothing behind it, is the place to go on from",
			says: "It is ahead of since where one's own messages were left out in between, and then may come with nothing behind it.",
			on:   LongPoll, run: (*scene).cursorAhead},
		{section: poll, promise: "an answer that was lost is asked for again",
			says: "an answer that was lost is asked for again",
			on:   LongPoll, run: (*scene).lostAnswer},
	}
}
