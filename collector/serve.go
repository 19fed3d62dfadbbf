// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
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

// Writers of gzip, 800 kB each, are used again.
var zippers = sync.Pool{New: func() any {
	// Pages of metrics repeat themselves so much that a quarter of the work brings nine tenths of the effect.
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // there is such a level
	}
	return z
}}

// compressed answers in gzip whoever accepts that.
func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsGzip(r.Header.Values("Accept-Encoding")) {
			next.ServeHTTP(w, r)
			return
		}
		z, ok := zippers.Get().(*gzip.Writer)
		if !ok {
			panic("a writer of another kind")
		}
		z.Reset(w)
		out := &zipped{ResponseWriter: w, z: z}
		defer func() {
			if out.used {
				// Who asked has gone; there is nobody to tell.
				_ = z.Close()
			}
			z.Reset(nil)
			zippers.Put(z)
		}()
		next.ServeHTTP(out, r)
	})
}

// zipped is a response whose body is compressed. One without a body is left as it is.
type zipped struct {
	http.ResponseWriter
	z           *gzip.Writer
	began, used bool
}

func (w *zipped) WriteHeader(status int) {
	if !w.began && status >= http.StatusOK && status != http.StatusNoContent && status != http.StatusNotModified {
		w.began = true
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *zipped) Write(b []byte) (int, error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	w.used = true
	return w.z.Write(b)
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3).
func acceptsGzip(headers []string) bool {
	any := false
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, weight, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "gzip" && name != "*" {
			continue
		}
		ok := true
		if q, found := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q="); found {
			v, err := strconv.ParseFloat(q, 64)
			ok = err == nil && v > 0
		}
		if name == "gzip" {
			return ok
		}
		any = ok
	}
	return any
}
