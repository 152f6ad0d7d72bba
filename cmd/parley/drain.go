package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// drainGrace is for what clients still do after the last of them was told to go.
	drainGrace = 10 * time.Second
	// closeGrace is for requests that are being answered, and for connections that were opened and not used.
	closeGrace = 2 * time.Second
)

// drain sends all clients elsewhere, spread over a time so that they do not arrive there all at once. Their requests are
// served until then. A second signal ends it.
func drain(over time.Duration, app *application, web *http.Server, sig os.Signal, signals <-chan os.Signal, log *slog.Logger) int {
	log.Info("draining", "signal", sig.String(), "over", over.String(), "connections", app.srv.Stats().CurrentConnections)
	done := make(chan struct{})
	go func() {
		defer close(done)
		closeAll(over, app, web, log)
	}()
	select {
	case <-done:
		log.Info("ended")
		return exitOK
	case sig := <-signals:
		log.Warn("ended at once", "signal", sig.String(), "connections", app.srv.Stats().CurrentConnections)
		return exitFailed
	}
}

func closeAll(over time.Duration, app *application, web *http.Server, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), over+drainGrace)
	defer cancel()
	var others sync.WaitGroup
	others.Go(func() {
		if err := app.hub.Drain(ctx, over); err != nil {
			log.Warn("clients of "+plainPath+" left after the drain time", "error", err)
		}
	})
	others.Go(func() { app.forward.drain(ctx, over) })
	if err := app.srv.Drain(ctx, over); err != nil {
		log.Warn("clients left after the drain time", "error", err, "connections", app.srv.Stats().CurrentConnections)
	}
	others.Wait()
	ctx, cancel = context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	if err := app.srv.Shutdown(ctx); err != nil {
		log.Warn("clients left after the shutdown", "error", err)
	}
	app.forward.close(ctx)
	if err := web.Shutdown(ctx); err != nil {
		log.Debug("connections cut", "error", err)
		web.Close()
	}
}
