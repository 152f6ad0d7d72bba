package polling

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"parley/server/internal/transport"
	"parley/server/wire/eio"
)

// firstRead is how much room a body gets before any of it has come.
const firstRead = 4 << 10

// writePiece is how much a client must take within WriteTimeout.
const writePiece = 32 << 10

// ServeHTTP answers a request of the session.
func (t *Transport) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		t.serveGet(w, r)
	case http.MethodPost:
		t.servePost(w, r)
	default:
		t.refuse(w, http.StatusInternalServerError)
	}
}

// serveGet waits for packets. A second GET while one waits ends the session.
func (t *Transport) serveGet(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	if t.poll != nil || t.ended {
		t.mu.Unlock()
		t.fail(errOverlap, closeMessage)
		t.refuse(w, http.StatusBadRequest)
		return
	}
	if t.closing {
		t.mu.Unlock()
		t.write(w, r, []transport.Message{noopMessage, closeMessage})
		return
	}
	poll := make(chan []transport.Message, 1)
	t.poll = poll
	if t.arrival != nil {
		close(t.arrival)
		t.arrival = nil
	}
	t.mu.Unlock()

	t.sink.Drained()
	select {
	case batch := <-poll:
		t.write(w, r, batch)
	case <-r.Context().Done():
		t.mu.Lock()
		waiting := t.poll == poll
		if waiting {
			t.poll = nil
		}
		t.mu.Unlock()
		if !waiting {
			<-poll
		}
		t.fail(errPollGone, closeMessage)
	}
}

// write answers with one payload.
func (t *Transport) write(w http.ResponseWriter, r *http.Request, batch []transport.Message) {
	body, contentType := t.format.encode(batch)
	head := w.Header()
	body = t.compress(head, r, batch, body)
	head.Set("Content-Type", contentType)
	head.Set("Content-Length", strconv.Itoa(len(body)))
	head.Set("Cache-Control", "no-store")
	if batch[len(batch)-1].Type() == eio.Close {
		// Before the answer, so that the client's next request finds no session.
		t.fail(errFinished, closeMessage)
	}
	if err := t.respond(w, body); err != nil {
		t.fail(errPollGone, closeMessage)
	}
}

// respond writes and flushes a body. Without its deadlines a client that does
// not read would hold the request, and the body, for ever.
func (t *Transport) respond(w http.ResponseWriter, body []byte) error {
	control := http.NewResponseController(w)
	for len(body) > 0 {
		n := min(len(body), writePiece)
		_ = control.SetWriteDeadline(time.Now().Add(t.limits.WriteTimeout))
		if _, err := w.Write(body[:n]); err != nil {
			return err
		}
		body = body[n:]
	}
	if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = control.SetWriteDeadline(time.Time{})
	return nil
}

// servePost takes the packets of one body. A second POST while one is read
// ends the session.
func (t *Transport) servePost(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	t.mu.Lock()
	first := t.post
	if first == nil && !t.ended {
		t.post = control
	}
	ended := t.ended
	t.mu.Unlock()
	switch {
	case ended:
		t.refuse(w, http.StatusBadRequest)
		return
	case first != nil:
		t.fail(errPostOverlap, closeMessage) // before the first fails of it
		_ = first.SetReadDeadline(time.Unix(1, 0))
		t.refuse(w, http.StatusBadRequest)
		return
	}
	status := t.take(w, r, control)
	t.mu.Lock()
	t.post = nil
	t.mu.Unlock()
	if status != http.StatusOK {
		w.Header().Set("Connection", "close")
		t.refuse(w, status)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/html")
	head.Set("Content-Length", "2")
	head.Set("Cache-Control", "no-store")
	_ = t.respond(w, []byte("ok"))
}

// take reads and handles a body and returns the status of the answer.
func (t *Transport) take(w http.ResponseWriter, r *http.Request, control *http.ResponseController) int {
	if r.ContentLength > int64(t.limits.MaxPayload) {
		return http.StatusRequestEntityTooLarge
	}
	binary := isBinary(r)
	if binary && !t.format.takesBinary() {
		t.fail(errContent, closeMessage)
		return http.StatusBadRequest
	}
	_ = control.SetReadDeadline(time.Now().Add(t.limits.ReadTimeout))
	body, err := t.read(r)
	switch {
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		t.fail(errUnfinished, closeMessage)
		return http.StatusRequestTimeout
	case err != nil:
		t.fail(errPostGone, closeMessage)
		return http.StatusBadRequest
	}
	// Only here: net/http goes on to read a body that was given up.
	_ = control.SetReadDeadline(time.Time{})
	t.packets(body, binary)
	t.mu.Lock()
	paused := t.paused
	t.mu.Unlock()
	if paused != nil {
		select {
		case <-paused:
		case <-r.Context().Done():
		}
	}
	return http.StatusOK
}

var errTooLarge = errors.New("polling: body is larger than MaxPayload")

func (t *Transport) read(r *http.Request) ([]byte, error) {
	limit := int64(t.limits.MaxPayload)
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0)+bytes.MinRead, firstRead)))
	if _, err := body.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		return nil, err
	}
	if int64(body.Len()) > limit {
		return nil, errTooLarge
	}
	return body.Bytes(), nil
}

// packets hands on what a body holds, up to a bad packet or a close.
func (t *Transport) packets(body []byte, binary bool) {
	payload, err := t.format.payload(body, binary, t.limits.MaxPackets)
	if err != nil {
		t.fail(transport.ErrParse, closeMessage)
		return
	}
	for {
		p, ok, err := payload.Next()
		switch {
		case err != nil:
			t.fail(transport.ErrParse, closeMessage)
			return
		case !ok:
			return
		case p.Type == eio.Close:
			t.awaitGet()
			t.fail(transport.ErrClosedByPeer, noopMessage)
			return
		}
		t.sink.Packet(t.turn, p)
	}
}
