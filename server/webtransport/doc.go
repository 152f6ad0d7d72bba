// Package webtransport lets clients reach a Socket.IO server over WebTransport,
// that is over HTTP/3: no head-of-line blocking by other connections, and a
// client that changes its network keeps its connection.
//
//	io := socketio.New(nil)
//	wt := webtransport.New(io, &webtransport.Options{Addr: ":443", TLSConfig: config})
//	go wt.ListenAndServe()
//	http.Handle("/socket.io/", io) // polling and WebSocket, over TCP
//	http.ListenAndServeTLS(":443", "cert.pem", "key.pem", nil)
//
// It is a package of its own because QUIC is large: a program that does not
// import it does not contain it.
//
// # Clients
//
// Browsers with WebTransport change to it from polling when it is among their
// transports, which it is by default, and fall back to WebSocket where UDP is
// blocked. With transports: ["webtransport"] they use nothing else. The page
// must be a secure context: https, or http from a loopback address.
//
// # Addresses
//
// HTTP/3 is UDP. A client knows one address only, so the server must listen on
// the UDP port of the same number as the TCP port of polling and WebSocket, and
// firewalls and load balancers must let it pass; the latter must keep a client's
// packets together. The path of the URL does not matter. On Linux a busy server
// wants larger socket buffers: sysctl net.core.rmem_max and net.core.wmem_max
// of 7500000.
//
// # Certificates
//
// Browsers insist on TLS and do not let users accept a bad certificate. In
// production use the certificate of the site. For development make one with an
// ECDSA key that is valid for 14 days at most, and give the client its hash:
//
//	io("https://localhost:3000", {
//	  transportOptions: { webtransport: { serverCertificateHashes: [{ algorithm: "sha-256", value: hash }] } },
//	});
//
// hash is the SHA-256 of the certificate's DER form, in an ArrayBuffer.
//
// # Sessions
//
// Engine.IO over WebTransport is revision 4: one bidirectional stream, opened by
// the client, with a frame for each packet (https://socket.io/docs/v4/engine-io-protocol/).
// The limits of the server's socketio.Options hold here too: AllowedOrigins,
// MaxSessions, MaxPayload, UpgradeTimeout (for the stream and its first packet),
// ReadTimeout, WriteTimeout and the bounds of queues. Other than in Node a
// session has its request: Handshake knows address and header; a query only official
// clients that began by polling send. What a client sends directly before it
// closes may be lost: the end of a session overtakes its stream. In the other
// direction the server waits for what it sent to be read.
package webtransport
