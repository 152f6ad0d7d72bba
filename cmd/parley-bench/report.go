package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A report is all that a run has found.
type report struct {
	Date    time.Time `json:"date"`
	Machine machine   `json:"machine"`
	runSpec
	Summary []summary `json:"summary"`
	Results []*result `json:"results"`
}

// A machine tells on what the figures were measured.
type machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Kernel    string `json:"kernel"`
	Client    string `json:"client"`
}

// A summary is one figure of one scenario over all rounds, in the order of the servers. A server without the figure
// has nil, in JSON null.
type summary struct {
	Scenario string    `json:"scenario"`
	Figure   string    `json:"figure"`
	Unit     string    `json:"unit"`
	Values   []*number `json:"values"`
	merge    merge
}

// A number is printed with the digits that matter.
type number float64

func newReport(spec runSpec) *report {
	return &report{
		Date:    time.Now().UTC().Truncate(time.Second),
		runSpec: spec,
		Machine: machine{
			Processor: procLine("/proc/cpuinfo", "model name"),
			Cores:     runtime.NumCPU(),
			Kernel:    procLine("/proc/sys/kernel/osrelease", ""),
			Client:    "on the same machine, loopback, one thread",
		},
	}
}

// procLine gives the value of the first line of a file that starts with key.
func procLine(path, key string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strings.TrimLeft(strings.TrimSpace(rest), ": \t")
		}
	}
	return "unknown"
}

func (r *report) ok() bool {
	for _, result := range r.Results {
		if !result.ok() {
			return false
		}
	}
	return true
}

// summarize makes one value of all rounds for each figure.
func (r *report) summarize() {
	type key struct{ scenario, figure, server string }
	values := make(map[key][]float64)
	listed := make(map[key]bool)
	r.Summary = nil
	for _, scenario := range r.Scenarios {
		for _, result := range r.Results {
			if result.Scenario != scenario {
				continue
			}
			for _, f := range result.Figures {
				k := key{scenario, f.Name, result.Server}
				values[k] = append(values[k], f.Value)
				if row := (key{scenario, f.Name, ""}); !listed[row] {
					listed[row] = true
					r.Summary = append(r.Summary, summary{Scenario: scenario, Figure: f.Name, Unit: f.Unit, merge: f.merge})
				}
			}
		}
	}
	for i := range r.Summary {
		s := &r.Summary[i]
		for _, server := range r.Servers {
			var n *number
			if all := values[key{s.Scenario, s.Figure, server.Name}]; len(all) > 0 {
				n = new(number)
				*n = number(s.merge.merged(all))
			}
			s.Values = append(s.Values, n)
		}
	}
}

// table prints the servers side by side, with the ratio of each figure to the first server's.
func (r *report) table(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d cores, Linux %s; driver %s; %d bytes of JSON a message; %d round(s), medians\n",
		r.Machine.Processor, r.Machine.Cores, r.Machine.Kernel, r.Machine.Client, r.Payload, r.Rounds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	scenario := ""
	for _, s := range r.Summary {
		if s.merge == byTotalIfAny && s.none() {
			continue
		}
		if s.Scenario != scenario {
			scenario = s.Scenario
			fmt.Fprintf(t, "\n%s\t", scenario)
			for _, server := range r.Servers {
				fmt.Fprintf(t, "\t%s\t", server.Name)
			}
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "  %s\t%s", s.Figure, s.Unit)
		for i, v := range s.Values {
			fmt.Fprintf(t, "\t%s\t%s", v, s.ratio(i))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.printErrors(w)
}

func (r *report) printErrors(w io.Writer) error {
	before := "\n"
	for _, result := range r.Results {
		for _, text := range result.Errors {
			if _, err := fmt.Fprintf(w, "%sround %d, %s, %s: %s\n", before, result.Round, result.Scenario, result.Server, text); err != nil {
				return err
			}
			before = ""
		}
	}
	return nil
}

// none says whether all values are zero.
func (s *summary) none() bool {
	return !slices.ContainsFunc(s.Values, func(n *number) bool { return n != nil && *n != 0 })
}

// ratio gives the i-th server's value in terms of the first server's.
func (s *summary) ratio(i int) string {
	if i == 0 || s.Unit == "" || s.Values[i] == nil || s.Values[0] == nil || *s.Values[0] == 0 {
		return ""
	}
	return fmt.Sprintf("%.2fx", *s.Values[i] / *s.Values[0])
}

// String prints three digits that matter, and whole numbers in full.
func (n *number) String() string {
	if n == nil {
		return "-"
	}
	v := float64(*n)
	switch size := math.Abs(v); {
	case v == math.Trunc(v) || size >= 100:
		return fmt.Sprintf("%.0f", v)
	case size >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
