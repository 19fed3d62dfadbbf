// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Client needs to know. Dial and Handler are required; every
// other zero value stands for the default told at the field.
type Config struct {
	// Dial connects to the master agent. Another process may do it and hand over
	// the connected socket. Its context ends after Timeout.
	Dial func(ctx context.Context) (net.Conn, error)
	// ID and Descr introduce the subagent to the master.
	ID    OID
	Descr string
	// Handler gives the data to serve.
	Handler Handler
	// Set makes the assignments of SNMP SETs; nil refuses all as notWritable.
	Set SetHandler
	// Registrations, Caps are claimed in every session; more may be added later.
	Registrations []Registration
	Caps          []AgentCaps
	// LittleEndian sends in that byte order instead of the network's.
	LittleEndian bool
	// SessionTimeout is how long the master is asked to wait for our answers, in
	// whole seconds up to 255; 0 leaves it to the master.
	SessionTimeout time.Duration
	// Timeout is how long to wait for the master: to connect, to write, and for
	// the answer to each request. It also bounds each SetHandler call. Default 5 s.
	Timeout time.Duration
	// PingInterval is how long the master may be silent before it is asked for a
	// sign of life. Default 15 s, below 0 never.
	PingInterval time.Duration
	// Backoff is the wait between connections and between attempts to register
	// what was refused. Default 200 ms to 5 s, jitter 0.5.
	Backoff Backoff
	// NotifyQueue is how many notifications may wait. Default 1024.
	NotifyQueue int
	// NotifyTries is how often a notification is sent in all when sessions are
	// lost on it. Default 3.
	NotifyTries int
	// NotifyMaxAge is how long a notification may wait; 0 is for ever.
	NotifyMaxAge time.Duration
	// WalkHold is how long a Snapshot is kept for the next request of a walk.
	// Default 2 s. WalkMaxAge is the age after which a walk goes on with fresh
	// data all the same. Default 60 s.
	WalkHold   time.Duration
	WalkMaxAge time.Duration
	// Limits bounds what is accepted and sent. Default DefaultLimits.
	Limits Limits
	// Notice, if not nil, is told what becomes of the session. It is called on the
	// Client's goroutine and must not block.
	Notice func(Notice)
}

// A Registration is a subtree to serve (RFC 2741 §6.2.3).
type Registration struct {
	Context    string
	Subtree    OID
	Priority   uint8         // 1 (first) to 255; 0 stands for the default 127
	Timeout    time.Duration // for requests below Subtree, whole seconds up to 255; 0 is the session's
	RangeSubID uint8         // 1-based sub-identifier of Subtree that ranges up to UpperBound; 0 is no range
	UpperBound uint32
	Instance   bool // Subtree is the name of a whole instance
}

// AgentCaps is a line of the master's sysORTable (RFC 2741 §6.2.14).
type AgentCaps struct {
	Context string
	ID      OID
	Descr   string
}

// NoticeKind says what a Notice is about.
type NoticeKind uint8

// The kinds of Notice.
const (
	NoticeConnected    NoticeKind = iota + 1 // a session was opened
	NoticeDisconnected                       // an open session was lost: Err
	NoticeUnreachable                        // no session could be opened: Err
	NoticeRegistered                         // the master accepted Registration
	NoticeRefused                            // the master refused Registration: Err
)

// A Notice tells what became of the session.
type Notice struct {
	Kind         NoticeKind
	Registration Registration
	Err          error
}

// A Client is a subagent: while Run runs it keeps one session with the master
// open, serves it, and delivers notifications.
type Client struct {
	cfg   Config
	count counters
	queue queue

	life    context.Context // ends with Close
	end     context.CancelFunc
	started atomic.Bool
	done    chan struct{} // closed when Run returns

	mu      sync.Mutex
	live    *session // the open session, nil if there is none
	calls   []*call  // to be sent in it
	wanted  []Registration
	caps    []AgentCaps
	indexes []indexClaim
}

// New returns a Client that does nothing until Run. It reports what is missing
// from or out of range in cfg.
func New(cfg Config) (*Client, error) {
	if cfg.Dial == nil || cfg.Handler == nil {
		return nil, errors.New("agentx client: Dial and Handler are required")
	}
	if err := checkOID(cfg.ID); err != nil {
		return nil, fmt.Errorf("agentx client ID: %w", err)
	}
	for _, r := range cfg.Registrations {
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	setDefault(&cfg.Timeout, 5*time.Second)
	setDefault(&cfg.PingInterval, 15*time.Second)
	setDefault(&cfg.NotifyQueue, 1024)
	setDefault(&cfg.NotifyTries, 3)
	setDefault(&cfg.WalkHold, 2*time.Second)
	setDefault(&cfg.WalkMaxAge, time.Minute)
	setDefault(&cfg.Limits.MaxPayload, DefaultLimits.MaxPayload)
	setDefault(&cfg.Limits.MaxVarBinds, DefaultLimits.MaxVarBinds)
	b := &cfg.Backoff
	if b.Min == 0 && b.Max == 0 && b.Jitter == 0 {
		b.Jitter = 0.5
	}
	setDefault(&b.Min, 200*time.Millisecond)
	setDefault(&b.Max, max(b.Min, 5*time.Second))
	if b.Rand == nil {
		b.Rand = rand.Float64
	}
	if b.Jitter < 0 || b.Jitter > 1 || b.Min < 0 || b.Max < b.Min {
		return nil, errors.New("agentx client: Backoff out of range")
	}
	c := &Client{cfg: cfg, done: make(chan struct{})}
	c.queue = queue{count: &c.count, max: cfg.NotifyQueue}
	c.wanted = append(c.wanted, cfg.Registrations...)
	c.caps = append(c.caps, cfg.Caps...)
	c.count.wanted.Store(int64(len(c.wanted)))
	c.life, c.end = context.WithCancel(context.Background())
	return c, nil
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Run keeps the session until ctx ends or Close is called, and returns the
// error of ctx or ErrClosed. Everything happens on the calling goroutine. It may
// be called once.
func (c *Client) Run(ctx context.Context) error {
	if !c.started.CompareAndSwap(false, true) {
		return errors.New("agentx client: Run called twice")
	}
	defer close(c.done)
	defer c.queue.close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.life, func() { cancel(ErrClosed) })()
	backoff := c.cfg.Backoff
	for ctx.Err() == nil {
		began := time.Now()
		c.connect(ctx)
		c.queue.expire(time.Now(), c.cfg.NotifyMaxAge)
		wait := time.NewTimer(backoff.next(time.Since(began)))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
	return context.Cause(ctx)
}

// Close ends Run and waits until it has returned. It must not be called from a
// callback of the Client. Without Run it only gives up the notifications.
func (c *Client) Close() {
	c.end()
	if c.started.Load() {
		<-c.done
	}
	c.queue.close()
}

// connect opens one session and serves it until it ends.
func (c *Client) connect(ctx context.Context) {
	dialCtx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	conn, err := c.cfg.Dial(dialCtx)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			c.count.dialErrors.Add(1)
			c.notice(Notice{Kind: NoticeUnreachable, Err: fmt.Errorf("connect to AgentX master: %w", err)})
		}
		return
	}
	s := newSession(ctx, c, conn)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.stop()
		close(stopped)
	})
	err = s.run()
	if !stop() {
		<-stopped // so that it does not spoil the deadline of the last write
	}
	s.close(err)
}

func (c *Client) notice(n Notice) {
	if c.cfg.Notice != nil {
		c.cfg.Notice(n)
	}
}

// wake makes the open session, if any, look at the queues.
func (c *Client) wake() {
	c.mu.Lock()
	s := c.live
	c.mu.Unlock()
	if s != nil {
		s.wake()
	}
}

// Dialer returns a Dial function for a master's address as net-snmp writes it:
// "unix:/var/agentx/master" or a path; "tcp:127.0.0.1:705", "tcp6:[::1]:705" or
// "host:port". A missing port is 705.
func Dialer(address string) (func(ctx context.Context) (net.Conn, error), error) {
	network, addr := "tcp", address
	switch head, tail, found := strings.Cut(address, ":"); {
	case strings.HasPrefix(address, "/"):
		network = "unix"
	case found && (head == "unix" || head == "tcp" || head == "tcp6"):
		network, addr = head, tail
	}
	if addr == "" {
		return nil, fmt.Errorf("AgentX master address %q: empty", address)
	}
	if network != "unix" {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			addr = net.JoinHostPort(strings.Trim(addr, "[]"), "705")
		}
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return nil, fmt.Errorf("AgentX master address %q: %w", address, err)
		}
	}
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}, nil
}

// Backoff says how long to wait before connecting again: Min after the first
// loss, twice as long after each further one up to Max, less a random part of
// up to Jitter (0 to 1) of it, so that many subagents do not come back at once.
type Backoff struct {
	Min    time.Duration
	Max    time.Duration
	Jitter float64
	Rand   func() float64 // in [0,1)
	delay  time.Duration  // before jitter, the last one given
}

// next returns the next wait, given how long the last attempt lasted: one that
// lasted longer than the wait before it was a success, and starts over.
func (b *Backoff) next(lasted time.Duration) time.Duration {
	if b.delay == 0 || lasted > b.delay {
		b.delay = b.Min
	} else {
		b.delay = min(2*b.delay, b.Max)
	}
	return b.delay - time.Duration(b.Jitter*b.Rand()*float64(b.delay))
}
