// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/vigild/vigild/engine/event"
)

// scrapesMax is how many scrapes are served at once; they share one gathering.
const scrapesMax = 40

// WebOptions is what the HTTP pages need besides the metrics.
type WebOptions struct {
	// Lifecycle allows PUT and POST on /-/reload.
	Lifecycle bool
	// Reload asks for the configuration to be loaded again; it returns what is
	// wrong with it, if anything.
	Reload func(ctx context.Context) error
	// Healthy and Ready add to what the ledger says; nil adds nothing.
	Healthy, Ready func(ctx context.Context) error
	// Also are further pages, by the patterns of http.ServeMux.
	Also   map[string]http.Handler
	Logger *slog.Logger
}

// Handler returns the HTTP pages: /metrics, /-/healthy, /-/ready, /-/reload
// and / with links to them.
func (c *Collector) Handler(opts WebOptions) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", compressed(promhttp.HandlerForTransactional(pages{c}, promhttp.HandlerOpts{
		ErrorLog:      errorLog{opts.Logger},
		ErrorHandling: promhttp.ContinueOnError,
		Registry:      c.reg,
		// Needed for exemplars, and from the first release on: turning it on
		// later would rename the buckets of every histogram.
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: scrapesMax,
		CoalesceGather:      true,
		ProcessStartTime:    c.opts.Started,
		// With ten thousand servers its compression costs as much as all the rest.
		DisableCompression: true,
	})))
	mux.Handle("GET /-/healthy", probe("vigil is healthy.", c.Healthy, opts.Healthy))
	mux.Handle("GET /-/ready", probe("vigil is ready.", c.Ready, opts.Ready))
	mux.Handle("POST /-/reload", reload(opts))
	mux.Handle("PUT /-/reload", reload(opts))
	for pattern, h := range opts.Also {
		mux.Handle(pattern, h)
	}
	landing, err := web.NewLandingPage(web.LandingConfig{
		Name:        "vigil",
		Description: "Keeps virtual addresses alive and tells what happened and why",
		Version:     c.opts.Build.Version,
		Profiling:   "false",
		Links: []web.LandingLinks{
			{Address: "/metrics", Text: "Metrics", Description: "for Prometheus"},
			{Address: "/-/healthy", Text: "Healthy", Description: "all loops run"},
			{Address: "/-/ready", Text: "Ready", Description: "the configuration is in force"},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("landing page: %w", err)
	}
	mux.Handle("GET /{$}", landing)
	return mux, nil
}

// Healthy returns nil while the processes that keep addresses alive are up.
func (c *Collector) Healthy(context.Context) error {
	some := false
	for _, role := range []event.Role{event.RoleVRRP, event.RoleCheck, event.RoleBFD} {
		w := c.view().Worker(role.String())
		switch {
		case w == nil: // not needed so far
		case !w.Up:
			return fmt.Errorf("the %s worker is down", role)
		default:
			some = true
		}
	}
	if !some {
		return errors.New("no worker has reported yet")
	}
	return nil
}

// Ready returns nil when a configuration is in force and its instances have
// left INIT. It does not ask who is master.
func (c *Collector) Ready(ctx context.Context) error {
	if err := c.Healthy(ctx); err != nil {
		return err
	}
	v := c.view()
	if v.Global.Generation == 0 {
		return errors.New("no configuration is in force yet")
	}
	for _, in := range v.Instances {
		if in.State == event.Init {
			return fmt.Errorf("instance %s is in INIT", in.Row.Subject.Name)
		}
	}
	return nil
}

// probe answers 200 if all checks pass, else 503 with what is wrong.
func probe(well string, checks ...func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, check := range checks {
			if check == nil {
				continue
			}
			if err := check(r.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, well)
	})
}

// reload answers /-/reload.
func reload(opts WebOptions) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !opts.Lifecycle || opts.Reload == nil {
			http.Error(w, "reloading over HTTP is not enabled: set web.lifecycle to true in vigil.yaml, or send SIGHUP", http.StatusForbidden)
			return
		}
		if err := opts.Reload(r.Context()); err != nil {
			http.Error(w, "the configuration was refused and the old one stays: "+err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, "The configuration was loaded.")
	})
}

// errorLog lets promhttp speak through slog.
type errorLog struct{ to *slog.Logger }

// Println implements promhttp.Logger.
func (l errorLog) Println(v ...any) {
	if l.to != nil {
		l.to.Error("metrics could not be gathered or sent", "error", fmt.Sprint(v...))
	}
}

// headerTimeout and idleTimeout bound what a client can hold open.
const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	headerMax     = 16 << 10
)
