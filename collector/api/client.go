// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/vigild/vigild/engine/explain"
)

// Client asks a vigild over its control socket.
type Client struct {
	http   *http.Client
	socket string
}

// answerMax is the largest answer that a client reads, in bytes.
const answerMax = 64 << 20

// NewClient returns a client of the control socket with that name.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: 5 * time.Second}
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Status asks what is true now.
func (c *Client) Status(ctx context.Context) (out *Status, err error) {
	return out, c.get(ctx, "/api/v1/status", &out)
}

// Why asks for the explanation of one instance.
func (c *Client) Why(ctx context.Context, instance string) (out *explain.Answer, err error) {
	return out, c.get(ctx, "/api/v1/why/"+url.PathEscape(instance), &out)
}

// WhyNames asks for explanations of instances, virtual servers, and real
// servers, each after its virtual server.
func (c *Client) WhyNames(ctx context.Context, names []string) (out []explain.Answer, err error) {
	return out, c.get(ctx, "/api/v1/why?"+url.Values{"name": names}.Encode(), &out)
}

// Services asks how virtual servers and their real servers are.
func (c *Client) Services(ctx context.Context) (out []ServiceStatus, err error) {
	return out, c.get(ctx, "/api/v1/services", &out)
}

// Table asks for what the data plane has, or in a dry run would have.
func (c *Client) Table(ctx context.Context) (out json.RawMessage, err error) {
	return out, c.get(ctx, "/api/v1/ipvs", &out)
}

// WhyAll asks for the explanation of every instance, newest transition first.
func (c *Client) WhyAll(ctx context.Context) (out []explain.Answer, err error) {
	return out, c.get(ctx, "/api/v1/why", &out)
}

// Config asks what is configured.
func (c *Client) Config(ctx context.Context) (out *Config, err error) {
	return out, c.get(ctx, "/api/v1/config", &out)
}

// Events asks what happened; query has the parameters of /api/v1/events.
func (c *Client) Events(ctx context.Context, query url.Values) (out *Events, err error) {
	return out, c.get(ctx, "/api/v1/events?"+query.Encode(), &out)
}

// Follow hands what happened and happens to each, until ctx ends, each returns
// an error, or vigild goes away, which is io.EOF.
func (c *Client) Follow(ctx context.Context, query url.Values, each func(*Entry) error) error {
	query.Set("follow", "1")
	body, err := c.open(ctx, "/api/v1/events?"+query.Encode())
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("event of vigild: %w", err)
		}
		if err := each(&e); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("events of vigild: %w", err)
	}
	return io.EOF
}

// get asks for a JSON document.
func (c *Client) get(ctx context.Context, path string, out any) error {
	body, err := c.open(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, answerMax)).Decode(out); err != nil {
		return fmt.Errorf("answer of vigild to %s: %w", path, err)
	}
	return nil
}

// open asks, and returns the answer if it is one.
func (c *Client) open(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://vigild"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", path, err)
	}
	return c.answer(req)
}

// answer sends a request, and returns the answer if it is one.
func (c *Client) answer(req *http.Request) (io.ReadCloser, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	p := &Problem{Status: resp.StatusCode}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(p); err != nil || p.Message == "" {
		p.Message = "vigild answered " + resp.Status
	}
	return nil, p
}

// Unreachable is a vigild that cannot be asked: why, and what to do.
type Unreachable struct {
	Socket, Remedy string
	Err            error
}

func (u *Unreachable) Error() string {
	return fmt.Sprintf("cannot ask vigild at %s: %v\n%s", u.Socket, u.Err, u.Remedy)
}

// Unwrap returns what the kernel said.
func (u *Unreachable) Unwrap() error { return u.Err }

// unreachable says what to do about a socket that does not answer.
func (c *Client) unreachable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	u := &Unreachable{Socket: c.socket, Err: err}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		u.Err = op.Err
	}
	if call, ok := errors.AsType[syscall.Errno](err); ok {
		u.Err = call
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		u.Remedy = "vigild is not running, or its control socket is elsewhere: look at systemctl status vigild, or name the socket with --socket"
	case errors.Is(err, fs.ErrPermission):
		u.Remedy = "this user may not use the control socket: become root, or a member of the group that owns it (ls -l " + c.socket + ")"
	case errors.Is(err, syscall.ECONNREFUSED):
		u.Remedy = "the control socket is a leftover and nobody listens: vigild has ended; look at systemctl status vigild"
	default:
		u.Remedy = "look at systemctl status vigild"
	}
	return u
}
