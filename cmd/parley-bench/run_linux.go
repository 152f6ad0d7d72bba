package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var errFaults = errors.New("not everything arrived as it should: see the report")

// run is `parley-bench run`.
func run(args []string) error {
	spec, err := parseRun(args, os.Stderr)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report := newReport(spec)
	for round := 1; round <= spec.Rounds; round++ {
		for _, scenario := range spec.Scenarios {
			// The servers take turns within a scenario, so that each is measured under the same circumstances.
			for _, server := range spec.Servers {
				begin := time.Now()
				r := try(ctx, &spec, server, scenario)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				r.Round = round
				report.Results = append(report.Results, r)
				fmt.Fprintf(os.Stderr, "round %d  %-10s %-12s %5.1f s  %s\n",
					round, scenario, server.Name, time.Since(begin).Seconds(), r.headline())
			}
		}
	}
	report.summarize()
	if err := report.table(os.Stdout); err != nil {
		return err
	}
	if spec.JSON != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(spec.JSON, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if !report.ok() {
		return errFaults
	}
	return nil
}
