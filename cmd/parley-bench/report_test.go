package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// twoServers is a report of two servers over two rounds; faulty adds what went wrong in one of them.
func twoServers(faulty faults) *report {
	r := newReport(runSpec{
		Servers: []serverSpec{{Name: "ours"}, {Name: "theirs"}}, Scenarios: []string{"echo"}, Rounds: 2, Payload: 64,
	})
	for round, cpu := range []float64{10, 12} {
		ours := &result{Round: round, Scenario: "echo", Server: "ours"}
		ours.add("server CPU", "µs/message", cpu)
		ours.add("only ours", "ms", 1)
		theirs := &result{Round: round, Scenario: "echo", Server: "theirs", faults: faulty}
		theirs.add("server CPU", "µs/message", 2.5*cpu)
		for _, result := range []*result{ours, theirs} {
			result.addFaults()
			r.Results = append(r.Results, result)
		}
	}
	r.summarize()
	return r
}

// line finds the line of the printed table that contains text and gives its fields.
func line(t *testing.T, r *report, text string) []string {
	t.Helper()
	var out strings.Builder
	if err := r.table(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, text) {
			return strings.Fields(line)
		}
	}
	return nil
}

func TestTableComparesWithTheFirstServer(t *testing.T) {
	r := twoServers(faults{})
	for _, want := range []string{
		"server CPU µs/message 11 27.5 2.50x",
		"only ours ms 1 -",
		"lost 0 0",
		"never completed 0 0",
	} {
		name := strings.Join(strings.Fields(want)[:2], " ")
		if want == "lost 0 0" {
			name = "lost"
		}
		if got := strings.Join(line(t, r, name), " "); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if got := line(t, r, "corrupt"); got != nil {
		t.Errorf("a fault that did not happen is printed: %v", got)
	}
	if !r.ok() {
		t.Error("a report without faults is not ok")
	}
}

func TestEveryFaultFailsTheReport(t *testing.T) {
	for name, f := range map[string]faults{
		"lost": {Lost: 1}, "out of order": {OutOfOrder: 1}, "repeated": {Repeated: 1},
		"corrupt": {Corrupt: 1}, "never completed": {NeverCompleted: 1},
	} {
		r := twoServers(f)
		if r.ok() {
			t.Errorf("%s: the report is ok", name)
		}
		if got := line(t, r, name); len(got) == 0 || got[len(got)-1] != "2" {
			t.Errorf("%s: two rounds with one each print %v", name, got)
		}
	}
}

func TestReportIsJSON(t *testing.T) {
	text, err := json.Marshal(twoServers(faults{Lost: 3}))
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Servers []struct{ Name string }
		Summary []struct {
			Figure string
			Values []*float64
		}
		Results []struct{ Lost int }
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Servers) != 2 || len(back.Results) != 4 || back.Results[1].Lost != 3 ||
		back.Summary[0].Figure != "server CPU" || *back.Summary[0].Values[1] != 27.5 || back.Summary[1].Values[1] != nil {
		t.Errorf("%s", text)
	}
}

func TestRoundsMerge(t *testing.T) {
	values := []float64{4, 1, 3}
	if m, w, s := byMedian.merged(values), byWorst.merged(values), byTotal.merged(values); m != 3 || w != 4 || s != 8 {
		t.Errorf("median %g, worst %g, total %g", m, w, s)
	}
	if m := byMedian.merged([]float64{4, 1, 3, 2}); m != 2.5 {
		t.Errorf("median of four: %g", m)
	}
}
