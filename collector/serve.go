// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

// shutdownWait is how long Serve lets requests in flight finish.
const shutdownWait = time.Second

// ValidateWeb checks a web configuration file (TLS, basic authentication) of
// exporter-toolkit; an empty name is valid and means plain HTTP.
func ValidateWeb(file string) error {
	if err := web.Validate(file); err != nil {
		return fmt.Errorf("web configuration %s: %w", file, err)
	}
	return nil
}

// Serve answers requests on the listeners, which it closes, until ctx ends or
// one of them fails. webConfig is the name of a web configuration file, read
// again for each connection, or empty.
func Serve(ctx context.Context, listeners []net.Listener, h http.Handler, webConfig string, logger *slog.Logger) error {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	servers := make([]*http.Server, len(listeners))
	errs := make(chan error, len(listeners))
	for i, l := range listeners {
		// Each listener has a server of its own: the toolkit changes the server.
		servers[i] = &http.Server{
			Handler:           h,
			ReadHeaderTimeout: headerTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    headerMax,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		}
		go func() {
			err := web.Serve(l, servers[i], &web.FlagConfig{WebConfigFile: &webConfig}, logger)
			if errors.Is(err, http.ErrServerClosed) {
				err = nil
			}
			if err != nil {
				err = fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
			errs <- err
		}()
	}
	var first error
	left := len(listeners)
	select {
	case <-ctx.Done():
	case first = <-errs:
		left--
	}
	closeAll(servers, listeners)
	for range left {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

// closeAll lets requests finish for a while and then ends them.
func closeAll(servers []*http.Server, listeners []net.Listener) {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownWait)
	defer cancel()
	var all sync.WaitGroup
	for i, s := range servers {
		all.Go(func() {
			if s.Shutdown(ctx) != nil {
				s.Close()
			}
			// A server that never came to serve does not know its listener.
			listeners[i].Close()
		})
	}
	all.Wait()
}
