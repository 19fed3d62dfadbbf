// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify/document"
)

// The headers of a webhook besides the standard ones.
const (
	// HeaderTimestamp is when the attempt was made, in seconds since the Unix epoch.
	HeaderTimestamp = "X-Vigil-Timestamp"
	// HeaderSignature is "v1=" and what Sign returns.
	HeaderSignature = "X-Vigil-Signature"
	// HeaderEventID is Document.ID.
	HeaderEventID = "X-Vigil-Event-Id"
)

// answerMax bounds how much of an answer is read.
const answerMax = 16 << 10

// Sign returns the signature of a body: HMAC-SHA256 of the timestamp, a full
// stop and the body, in hexadecimal digits. A receiver computes the same,
// compares in constant time, and refuses timestamps that are too old.
func Sign(secret, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(timestamp + "."))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// Webhook posts one JSON Document per transition to one receiver. Documents
// about one subject are posted in order; what cannot be delivered is tried
// again with growing pauses, or when the receiver says.
type Webhook struct {
	book *book
	opt  Options
	q    *queue
	name string

	mu sync.Mutex
	to target
}

// target is where documents go, and how.
type target struct {
	set    WebhookSettings
	client *http.Client
	form   *document.Template
}

// NewWebhook returns a notifier for one receiver; s names the subjects. The
// error is about the URL or a file of certificates.
func NewWebhook(w WebhookSettings, s *Settings, o Options) (*Webhook, error) {
	if w.MaxTries == 0 {
		w.MaxTries = 10
	}
	if w.MaxAge == 0 {
		w.MaxAge = time.Hour
	}
	out := &Webhook{name: w.Name, book: newBook(s), opt: o, q: newQueue(limits{
		workers: 4, total: 1024, perLane: 64, tries: w.MaxTries, age: w.MaxAge,
		wait: o.backoff(time.Second, time.Minute), stopGrace: StopLimit,
	})}
	out.book.plain = true
	return out, out.use(w)
}

func (w *Webhook) use(set WebhookSettings) error {
	to, err := newTarget(set)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = to
	return nil
}

// newTarget fills in the defaults and reads what the settings name.
func newTarget(set WebhookSettings) (to target, err error) {
	u, err := url.Parse(set.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return to, fmt.Errorf("webhook %s: the URL is not one of http or https", set.Name)
	}
	conf, err := tlsConfig(set.CAFile, set.CertFile, set.KeyFile)
	if err != nil {
		return to, fmt.Errorf("webhook %s: %w", set.Name, err)
	}
	proxy, err := proxyOf(set.Proxy)
	if err != nil {
		return to, fmt.Errorf("webhook %s: %w", set.Name, err)
	}
	if to.form, err = document.Parse(set.Template, set.Type); err != nil {
		return to, fmt.Errorf("webhook %s: %w", set.Name, err)
	}
	if set.Timeout <= 0 {
		set.Timeout = 10 * time.Second
	}
	if set.Node == "" {
		if set.Node, err = os.Hostname(); err != nil {
			return to, fmt.Errorf("webhook %s: %w", set.Name, err)
		}
	}
	to.set = set
	to.client = &http.Client{
		Timeout: set.Timeout,
		Transport: &http.Transport{
			Proxy: proxy, TLSClientConfig: conf, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: set.Timeout,
			MaxResponseHeaderBytes: answerMax,
		},
		// A signed document goes where it was addressed, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return to, nil
}

// proxyOf says through which proxy a request goes.
func proxyOf(name string) (func(*http.Request) (*url.URL, error), error) {
	switch name {
	case "":
		return http.ProxyFromEnvironment, nil
	case DirectProxy:
		return nil, nil
	}
	u, err := url.Parse(name)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, errors.New("the proxy is not a URL of http, https or socks5") // it may hold a password
	}
	return http.ProxyURL(u), nil
}

// Events takes edges in order. It never blocks.
func (w *Webhook) Events(es []event.Event) {
	for i := range es {
		n, ok := w.book.read(&es[i])
		if !ok || n.matter != aboutState {
			continue
		}
		w.mu.Lock()
		to := w.to
		w.mu.Unlock()
		if to.set.Only.takes(&n.ev) {
			w.q.push(w.job(n, to))
		}
	}
}

// job is the delivery of a notice.
func (w *Webhook) job(n notice, to target) *job {
	sentence := ""
	if w.opt.Sentence != nil {
		sentence = w.opt.Sentence(&n.ev)
	}
	doc := document.New(&n.ev, to.set.Node, sentence)
	channel := event.Subject{Kind: event.SubjectChannel, Name: "webhook", Sub: to.set.Name}
	return &job{
		lane: n.subject.String(), key: n.subject, final: true,
		do: func(ctx context.Context, try int) outcome {
			body, err := to.form.Render(doc)
			if err != nil {
				return outcome{reason: event.FailInvalid, detail: oneLine(err.Error()), permanent: true}
			}
			span := n.ev.Story().DeliverySpan(n.ev.Ref(), channel, int64(try))
			return w.post(ctx, &to, doc, body, n.ev.Story().Traceparent(span))
		},
		done: func(try int, took time.Duration, o outcome, over bool) {
			w.opt.report(&n.ev, channel, try, took, o, over)
		},
	}
}

// post makes one attempt.
func (w *Webhook) post(ctx context.Context, to *target, doc *document.Document, body []byte, parent string) outcome {
	set := &to.set
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, set.URL, bytes.NewReader(body))
	if err != nil {
		return outcome{reason: event.FailInvalid, detail: "the URL is not valid", permanent: true}
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", to.form.Type)
	for k, v := range set.Headers {
		if http.CanonicalHeaderKey(k) == "Host" {
			req.Host = v
		}
		req.Header.Set(k, v)
	}
	req.Header.Set("User-Agent", "vigild/"+w.opt.Version)
	req.Header.Set("Idempotency-Key", doc.EventID.String())
	req.Header.Set("Traceparent", parent)
	req.Header.Set(HeaderEventID, doc.ID.String())
	req.Header.Set(HeaderTimestamp, now)
	if set.Secret != "" {
		req.Header.Set(HeaderSignature, "v1="+Sign(set.Secret, now, body))
	}
	res, err := to.client.Do(req)
	if err != nil {
		return judgeHTTP(err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, answerMax) // so that the connection can be used again
	return judgeStatus(res)
}

// judgeStatus turns the answer into an outcome. Answers that say "not now"
// are tried again; others are for good, redirections too.
func judgeStatus(res *http.Response) outcome {
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return outcome{detail: "HTTP " + strconv.Itoa(res.StatusCode)}
	}
	o := outcome{reason: event.FailRefused, detail: "HTTP " + res.Status, after: retryAfter(res)}
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		o.reason = event.FailAuth
	}
	again := []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}
	o.permanent = res.StatusCode < 500 && !slices.Contains(again, res.StatusCode)
	return o
}

// retryAfter reads the header of that name (RFC 9110 section 10.2.3): seconds
// or a date.
func retryAfter(res *http.Response) time.Duration {
	v := res.Header.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// judgeHTTP turns what went wrong before an answer into a reason. The text
// never holds the URL, which may hold a secret.
func judgeHTTP(err error) outcome {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	o := outcome{reason: event.FailProtocol, detail: oneLine(err.Error())}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case isTimeout(err):
		o.reason = event.FailTimeout
	case isTLS(err):
		o.reason = event.FailTLS
	case errors.As(err, &dns), errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		o.reason = event.FailUnreachable
	}
	return o
}

// Close tries what waits once more and drops it when ctx is done.
func (w *Webhook) Close(ctx context.Context) {
	w.q.close(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to.client.CloseIdleConnections()
}

// Stats returns the counters of the channel.
func (w *Webhook) Stats() Stats {
	out := w.q.snapshot()
	out.Channel, out.Name = "webhook", w.name
	return out
}
