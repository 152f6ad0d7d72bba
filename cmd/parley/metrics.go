package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"parley/namespaces/limits"
	"parley/server/engineio"
	"parley/server/socketio"
)

// metrics counts what happens to connections and sockets, and never anything for each message. Its labels have few values:
// no client can add to them.
type metrics struct {
	mu     sync.Mutex // guards series
	series map[series]int64
}

// A series is one line: a name, and the values of its labels in the order of families.
type series struct{ name, label1, label2 string }

// families are the metrics that are counted here. The names that begin with socket_io are those of dashboards for Node.
var families = []struct{ name, kind, labels, help string }{
	{"socket_io_connect_total", "counter", "namespace", "Sockets that have connected."},
	{"socket_io_disconnect_total", "counter", "namespace reason", "Sockets that have disconnected."},
	{"socket_io_errors_total", "counter", "code name", "Requests of clients that were refused, by the protocol's code and what it was about."},
	{"parley_sessions", "gauge", "transport", "Connections of clients."},
	{"parley_sessions_total", "counter", "transport", "Connections begun, by their first transport."},
	{"parley_sessions_closed_total", "counter", "reason", "Connections ended."},
	{"parley_upgrades_total", "counter", "transport", "Connections that have changed to a transport."},
	{"parley_rate_limited_total", "counter", "", "Messages refused by --rate-limit."},
}

func newMetrics() *metrics {
	m := &metrics{series: make(map[series]int64)}
	for _, f := range families {
		if f.labels == "" {
			m.add(series{name: f.name}, 0)
		}
	}
	return m
}

func (m *metrics) add(s series, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[s] += n
}

// namespace counts the sockets of a namespace.
func (m *metrics) namespace(ns *socketio.Namespace) {
	name := ns.Name()
	ns.OnConnect(func(context.Context, *socketio.Socket) { m.add(series{"socket_io_connect_total", name, ""}, 1) })
	ns.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) {
		m.add(series{"socket_io_disconnect_total", name, string(why)}, 1)
	})
}

// session is for socketio.Options.OnSession. Who is upgraded has polled before.
func (m *metrics) session(i engineio.SessionInfo) {
	switch i.Change {
	case engineio.SessionOpened:
		m.add(series{"parley_sessions", i.Transport, ""}, 1)
		m.add(series{"parley_sessions_total", i.Transport, ""}, 1)
	case engineio.SessionUpgraded:
		m.add(series{"parley_sessions", "polling", ""}, -1)
		m.add(series{"parley_sessions", i.Transport, ""}, 1)
		m.add(series{"parley_upgrades_total", i.Transport, ""}, 1)
	case engineio.SessionClosed:
		m.add(series{"parley_sessions", i.Transport, ""}, -1)
		m.add(series{"parley_sessions_closed_total", string(i.Reason), ""}, 1)
	}
}

// refused is for socketio.Options.OnConnectionError.
func (m *metrics) refused(e engineio.ConnectionError) {
	m.add(series{"socket_io_errors_total", fmt.Sprint(e.Code), e.Context["name"]}, 1)
}

// rate counts what a limit refuses.
func (m *metrics) rate(r limits.Rate) limits.Rate { return countedRate{r, m} }

type countedRate struct {
	limits.Rate
	m *metrics
}

func (r countedRate) Take(ctx context.Context, user string) (undo func(), err error) {
	undo, err = r.Rate.Take(ctx, user)
	if err == limits.ErrRate {
		r.m.add(series{name: "parley_rate_limited_total"}, 1)
	}
	return undo, err
}

// handler serves the metrics as Prometheus reads them, in its text format 0.0.4.
func (m *metrics) handler(app *application) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		m.write(w)
		writeStats(w, app.srv.Stats())
		app.shared.writeStats(w)
		app.forward.writeStats(w)
	}
}

func (m *metrics) write(w io.Writer) {
	m.mu.Lock()
	all := maps.Clone(m.series)
	m.mu.Unlock()
	lines := slices.SortedFunc(maps.Keys(all), func(a, b series) int {
		return cmp.Or(cmp.Compare(a.label1, b.label1), cmp.Compare(a.label2, b.label2))
	})
	for _, f := range families {
		head(w, f.name, f.kind, f.help)
		labels := strings.Fields(f.labels)
		for _, s := range lines {
			if s.name != f.name {
				continue
			}
			var set []string
			for i, value := range []string{s.label1, s.label2}[:len(labels)] {
				set = append(set, labels[i]+`="`+escape.Replace(value)+`"`)
			}
			braces := ""
			if len(set) > 0 {
				braces = "{" + strings.Join(set, ",") + "}"
			}
			fmt.Fprintf(w, "%s%s %d\n", f.name, braces, all[s])
		}
	}
}

// writeStats writes what others count.
func writeStats(w io.Writer, s socketio.Stats) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	writeFigures(w, []figure{
		{"socket_io_connected", "gauge", "Connected sockets of all namespaces.", float64(s.Sockets)},
		{"parley_messages_received_total", "counter", "Packets from clients.", float64(s.MessagesReceived)},
		{"parley_messages_sent_total", "counter", "Packets handed to transports.", float64(s.MessagesSent)},
		{"go_goroutines", "gauge", "Goroutines.", float64(runtime.NumGoroutine())},
		{"go_memstats_heap_inuse_bytes", "gauge", "Heap in use.", float64(memory.HeapInuse)},
		{"go_memstats_sys_bytes", "gauge", "Memory from the operating system.", float64(memory.Sys)},
		{"go_memstats_alloc_bytes_total", "counter", "Memory ever allocated.", float64(memory.TotalAlloc)},
		{"go_gc_cycles_total", "counter", "Garbage collections.", float64(memory.NumGC)},
	})
}

// A figure is a metric without labels.
type figure struct {
	name, kind, help string
	value            float64
}

func writeFigures(w io.Writer, list []figure) {
	for _, f := range list {
		head(w, f.name, f.kind, f.help)
		fmt.Fprintln(w, f.name, strconv.FormatFloat(f.value, 'f', -1, 64))
	}
}

func head(w io.Writer, name, kind, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
