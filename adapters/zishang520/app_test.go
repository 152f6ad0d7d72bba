package zishang520_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/zishang520/socket.io/v2/socket"
)

type contextKey struct{}

// mount is an application as one writes it for socket.io/v2.
func mount(io *socket.Server) {
	where := func(args ...any) {
		s := args[0].(*socket.Socket)
		s.On("where", func(args ...any) { args[0].(socket.Ack)([]any{s.Nsp().Name()}, nil) })
	}
	io.Of("/other", where)
	io.Of(regexp.MustCompile(`^/dynamic-\d+$`), where)
	io.Of("/private", where).Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		if token(s.Handshake().Auth) == "secret" {
			next(nil)
		} else {
			next(socket.NewExtendedError("who are you", nil))
		}
	})
	io.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		s.Use(func(event []any, next func(error)) {
			switch event[0] {
			case "forbidden":
				next(errors.New("not allowed"))
			case "later":
				event[1] = []any{event[1], "changed"}
				time.AfterFunc(10*time.Millisecond, func() { next(nil) })
			default:
				next(nil)
			}
		})
		s.On("error", func(args ...any) { s.Emit("refused", args[0].(error).Error()) })
		s.On("disconnect", func(args ...any) { io.Emit("ended "+string(s.Id()), args[0]) })
		mountEvents(s)
		mountRooms(io, s)
	})
}

func mountEvents(s *socket.Socket) {
	s.On("echo", func(args ...any) {
		last := len(args) - 1
		args[last].(socket.Ack)([]any{append([]any{}, args[:last]...)}, nil)
	})
	s.On("back", func(args ...any) { s.Emit("back", args...) })
	s.On("later", func(args ...any) { args[1].(socket.Ack)([]any{args[0]}, nil) })
	s.On("ask me", func(args ...any) {
		s.Timeout(time.Second).EmitWithAck("question", args[0])(func(answer []any, err error) {
			args[1].(socket.Ack)(answer, err)
		})
	})
	s.On("ask me and wait", func(args ...any) {
		answered := make(chan []any, 1)
		s.Timeout(time.Second).EmitWithAck("question", args[0])(func(answer []any, _ error) { answered <- answer })
		args[1].(socket.Ack)(<-answered, nil)
	})
	s.On("who", func(args ...any) {
		request := s.Conn().Request()
		host, _, _ := net.SplitHostPort(s.Handshake().Address)
		args[0].(socket.Ack)([]any{map[string]any{
			"query":     request.Query().Peek("q"),
			"header":    http.Header(s.Handshake().Headers).Get("X-Test"),
			"context":   request.Request().Context().Value(contextKey{}),
			"address":   host,
			"path":      request.Request().URL.Path,
			"protocol":  s.Conn().Protocol(),
			"transport": s.Conn().Transport().Name(),
			"state":     s.Conn().ReadyState(),
			"id":        s.Id(),
		}}, nil)
	})
	s.On("kick", func(args ...any) { s.Disconnect(args[0].(bool)) })
}

func mountRooms(io *socket.Server, s *socket.Socket) {
	s.On("join", func(args ...any) {
		s.Join(socket.Room(args[0].(string)))
		args[1].(socket.Ack)(nil, nil)
	})
	s.On("leave", func(args ...any) {
		s.Leave(socket.Room(args[0].(string)))
		args[1].(socket.Ack)(nil, nil)
	})
	s.On("say", func(args ...any) {
		room, text := socket.Room(args[1].(string)), args[2]
		switch args[0] {
		case "to":
			s.To(room).Emit("said", text)
		case "in":
			io.In(room).Emit("said", text)
		case "except":
			io.Except(room).Emit("said", text)
		case "broadcast":
			s.Broadcast().Emit("said", text)
		case "all":
			io.Emit("said", text)
		}
		args[3].(socket.Ack)(nil, nil)
	})
	s.On("blob", func(args ...any) { io.Emit("blob "+args[0].(string), args[1]) })
	s.On("burst", func(args ...any) {
		for i := range int(args[0].(float64)) {
			io.Emit("tick", i)
		}
	})
	s.On("volatile", func(...any) { s.Volatile().Emit("fleeting") })
	s.On("ask room", func(args ...any) {
		io.In(socket.Room(args[0].(string))).Timeout(time.Second).EmitWithAck("question", 10)(func(answers []any, err error) {
			args[1].(socket.Ack)([]any{answers}, err)
		})
	})
}

// token finds the credentials of a client of either protocol.
func token(auth any) any {
	switch a := auth.(type) {
	case map[string]any:
		return a["token"]
	case interface{ Get(string) string }: // the query of a client 2.x
		return a.Get("token")
	}
	return nil
}

// served is a handler as applications have it: with a middleware of HTTP in front.
func served(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/socket.io/") {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, "of the middleware")))
	})
}
