package socketiotest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"parley/server/wire/eio"
)

// A poller carries Engine.IO packets over HTTP requests.
type poller struct {
	http    *http.Client
	request func(method string, body io.Reader) (*http.Request, error)
	ctx     context.Context // ends all requests
	cancel  context.CancelFunc
	posting baton // one POST at a time
}

func newPoller(network *listener, request func(method string, body io.Reader) (*http.Request, error)) *poller {
	p := &poller{request: request, posting: newBaton()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.http = &http.Client{Transport: &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return network.dial() },
		DisableCompression: true,
	}}
	return p
}

// receive polls.
func (p *poller) receive() ([]eio.Packet, error) {
	body, err := p.do(http.MethodGet, nil)
	if err != nil {
		return nil, err
	}
	var packets []eio.Packet
	payload := eio.NewPayload(body, 0)
	for {
		packet, ok, err := payload.Next()
		if !ok {
			return packets, err
		}
		if packet.Type == eio.Close {
			return packets, io.EOF
		}
		packets = append(packets, packet)
	}
}

// send posts packets as one payload.
func (p *poller) send(packets ...eio.Packet) error {
	var body []byte
	for i, packet := range packets {
		if i > 0 {
			body = append(body, eio.Separator)
		}
		body = packet.AppendText(body)
	}
	p.posting.take()
	defer p.posting.give()
	_, err := p.do(http.MethodPost, bytes.NewReader(body))
	return err
}

func (p *poller) do(method string, body io.Reader) ([]byte, error) {
	r, err := p.request(method, body)
	if err != nil {
		return nil, err
	}
	resp, err := p.http.Do(r.WithContext(p.ctx))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refused(resp)
	}
	return io.ReadAll(resp.Body)
}

// refused describes a response with which a server will have nothing of the client.
func refused(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	return fmt.Errorf("socketiotest: HTTP status %s: %s", resp.Status, text)
}

func (p *poller) close() { _ = p.send(eio.Packet{Type: eio.Close}) }

// abort leaves the requests there are.
func (p *poller) abort() {
	p.cancel()
	p.http.CloseIdleConnections()
}
