// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// partGrace is how long a webhook that a reload removed may still deliver.
const partGrace = 10 * time.Second

// Webhooks is all webhooks of a configuration.
type Webhooks struct {
	opt  Options
	mu   sync.Mutex
	list []*Webhook
}

// NewWebhooks returns notifiers for all receivers. One that cannot be used is
// in the error; the others work.
func NewWebhooks(s *Settings, o Options) (*Webhooks, error) {
	w := &Webhooks{opt: o}
	return w, w.Configure(s)
}

// Configure puts other settings into force: receivers of the same name keep
// what waits, new ones start empty, and those that are gone get a moment to
// finish.
func (w *Webhooks) Configure(s *Settings) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	var next []*Webhook
	for _, set := range s.Webhooks {
		i := slices.IndexFunc(w.list, func(old *Webhook) bool { return old.name == set.Name })
		if i < 0 {
			one, err := NewWebhook(set, s, w.opt)
			if err == nil {
				next = append(next, one)
			}
			errs = append(errs, err)
			continue
		}
		one := w.list[i]
		w.list = slices.Delete(w.list, i, i+1)
		errs = append(errs, one.use(set))
		one.book.configure(s)
		next = append(next, one)
	}
	for _, gone := range w.list {
		go gone.part()
	}
	w.list = next
	return errors.Join(errs...)
}

// part ends a webhook that is no longer wanted.
func (w *Webhook) part() {
	ctx, cancel := context.WithTimeout(context.Background(), partGrace)
	defer cancel()
	w.Close(ctx)
}

// Events takes edges in order. It never blocks.
func (w *Webhooks) Events(es []event.Event) {
	for _, one := range w.all() {
		one.Events(es)
	}
}

func (w *Webhooks) all() []*Webhook {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

// Close closes all of them at once.
func (w *Webhooks) Close(ctx context.Context) {
	var wg sync.WaitGroup
	for _, one := range w.all() {
		wg.Go(func() { one.Close(ctx) })
	}
	wg.Wait()
}

// Stats returns the counters of each receiver.
func (w *Webhooks) Stats() []Stats {
	var out []Stats
	for _, one := range w.all() {
		out = append(out, one.Stats())
	}
	return out
}
