package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"parley/server/socketio"
	"parley/server/webtransport"
)

// TestOfficialClientOverWebTransport: only browsers have WebTransport.
func TestOfficialClientOverWebTransport(t *testing.T) {
	notNode(t, "its server has no WebTransport of its own")
	opts := roomy
	opts.Transports = []string{"polling", "webtransport"}
	inChromium(t, start(t, opts), task{"modes": []string{"webtransport", "webtransport-upgrade"}, "rounds": 1, "kicks": 4})
}

// startWebTransport serves on the UDP port of the same number as a TCP address.
// It returns the hash of its certificate and what shuts it down.
func startWebTransport(t *testing.T, io *socketio.Server, addr string) (hash []int, stop func()) {
	t.Helper()
	certificate := browserCertificate(t)
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	wt := webtransport.New(io, &webtransport.Options{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
	})
	served := make(chan error, 1)
	go func() { served <- wt.Serve(pc) }()
	for _, b := range sha256.Sum256(certificate.Certificate[0]) {
		hash = append(hash, int(b))
	}
	return hash, func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := wt.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown of WebTransport: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		_ = pc.Close()
	}
}

// browserCertificate makes one that browsers take by its hash: with an ECDSA key
// and valid for 14 days at most.
func browserCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
