// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"fmt"
	"slices"
)

// maxCalls bounds the calls that wait to be sent.
const maxCalls = 256

// defaultPriority is r.priority where none is asked for (RFC 2741 §6.2.3).
const defaultPriority = 127

// indexClaim is an index value held, to be claimed again in the next session.
type indexClaim struct {
	context string
	bind    VarBind
}

func (r Registration) check() error {
	if r.Subtree.IsZero() {
		return fmt.Errorf("registration: the subtree is null")
	}
	if err := checkOID(r.Subtree); err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	if n := int(r.RangeSubID); n > r.Subtree.Len() {
		return fmt.Errorf("registration %s: range at sub-identifier %d of %d", r.Subtree, n, r.Subtree.Len())
	} else if n > 0 && r.UpperBound < r.Subtree.At(n-1) {
		return fmt.Errorf("registration %s: range ends at %d, before it begins", r.Subtree, r.UpperBound)
	}
	return nil
}

func (r Registration) flags() Flags {
	if r.Instance {
		return FlagInstanceRegistration
	}
	return 0
}

func (r Registration) priority() uint8 {
	if r.Priority == 0 {
		return defaultPriority
	}
	return r.Priority
}

func (r Registration) register() Register {
	return Register{
		Timeout: wholeSeconds(r.Timeout), Priority: r.priority(), RangeSubID: r.RangeSubID,
		Subtree: r.Subtree, UpperBound: r.UpperBound,
	}
}

// submit hands k to the open session; it reports ErrNotConnected if there is
// none. The caller holds c.mu.
func (c *Client) submit(k *call) error {
	if c.live == nil {
		return ErrNotConnected
	}
	if len(c.calls) >= maxCalls {
		return fmt.Errorf("%w: %d calls waiting", ErrNotConnected, maxCalls)
	}
	c.calls = append(c.calls, k)
	c.live.wake()
	return nil
}

// outcome is what became of a call.
type outcome struct {
	res Response
	err error
}

// await waits for a call that was submitted with the given error.
func await(ctx context.Context, submitted error, answer <-chan outcome) (Response, error) {
	if submitted != nil {
		return Response{}, submitted
	}
	select {
	case o := <-answer:
		return o.res, o.err
	case <-ctx.Done():
		return Response{}, ctx.Err()
	}
}

// reporting returns a call that sends its outcome to the channel.
func reporting(context string, flags Flags, body Body) (*call, chan outcome) {
	ch := make(chan outcome, 1)
	return &call{context: context, flags: flags, body: body, done: func(_ uint32, res Response, err error) error {
		ch <- outcome{res, err}
		return nil
	}}, ch
}

// Register claims r in this session and in all that follow, and waits for the
// master's answer. ErrNotConnected means that it will be claimed in the next
// session; *ResponseError that the master refused, and will be asked again.
func (c *Client) Register(ctx context.Context, r Registration) error {
	if err := r.check(); err != nil {
		return err
	}
	ch := make(chan outcome, 1)
	c.mu.Lock()
	if !slices.Contains(c.wanted, r) {
		c.wanted = append(c.wanted, r)
		c.count.wanted.Store(int64(len(c.wanted)))
	}
	err := ErrNotConnected
	if s := c.live; s != nil {
		err = c.submit(s.registerCall(r, func(err error) { ch <- outcome{err: err} }))
	}
	c.mu.Unlock()
	_, err = await(ctx, err, ch)
	return err
}

// Unregister gives r back, which must be equal to what was registered, and
// waits for the master's answer. ErrNotConnected means that no session holds it.
func (c *Client) Unregister(ctx context.Context, r Registration) error {
	k, ch := reporting(r.Context, 0, Unregister{
		Priority: r.priority(), RangeSubID: r.RangeSubID, Subtree: r.Subtree, UpperBound: r.UpperBound,
	})
	report := k.done
	k.done = func(id uint32, res Response, err error) error {
		if err == nil {
			c.count.registered.Add(-1)
		}
		return report(id, res, err)
	}
	c.mu.Lock()
	c.wanted = slices.DeleteFunc(c.wanted, func(w Registration) bool { return w == r })
	c.count.wanted.Store(int64(len(c.wanted)))
	err := c.submit(k)
	c.mu.Unlock()
	_, err = await(ctx, err, ch)
	return err
}

// wants reports whether r is still to be registered.
func (c *Client) wants(r Registration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.wanted, r)
}

// AddCaps adds a line to the master's sysORTable in this session and in all
// that follow; errors are as for Register.
func (c *Client) AddCaps(ctx context.Context, a AgentCaps) error {
	k, ch := reporting(a.Context, 0, AddAgentCaps{ID: a.ID, Descr: a.Descr})
	c.mu.Lock()
	c.caps = append(c.caps, a)
	err := c.submit(k)
	c.mu.Unlock()
	_, err = await(ctx, err, ch)
	return err
}

// RemoveCaps takes the line with the ID of a away; errors are as for Unregister.
func (c *Client) RemoveCaps(ctx context.Context, a AgentCaps) error {
	k, ch := reporting(a.Context, 0, RemoveAgentCaps{ID: a.ID})
	c.mu.Lock()
	c.caps = slices.DeleteFunc(c.caps, func(b AgentCaps) bool { return a.Context == b.Context && a.ID == b.ID })
	err := c.submit(k)
	c.mu.Unlock()
	_, err = await(ctx, err, ch)
	return err
}

// AllocateIndex reserves index values (RFC 2741 §7.1.4): the name of each
// binding is the index object, its value the one wanted, unless flags has
// FlagAnyIndex or FlagNewIndex and the master chooses. It returns the bindings
// with the values allocated; they are claimed again in all later sessions.
func (c *Client) AllocateIndex(ctx context.Context, snmpContext string, flags Flags, binds []VarBind) ([]VarBind, error) {
	k, ch := reporting(snmpContext, flags&(FlagAnyIndex|FlagNewIndex), IndexAllocate{VarBinds: binds})
	report := k.done
	k.done = func(id uint32, res Response, err error) error {
		if err == nil {
			c.mu.Lock()
			for _, b := range res.VarBinds {
				c.indexes = append(c.indexes, indexClaim{snmpContext, b})
			}
			c.mu.Unlock()
		}
		return report(id, res, err)
	}
	c.mu.Lock()
	err := c.submit(k)
	c.mu.Unlock()
	res, err := await(ctx, err, ch)
	return res.VarBinds, err
}

// DeallocateIndex gives index values back; errors are as for Unregister.
func (c *Client) DeallocateIndex(ctx context.Context, snmpContext string, binds []VarBind) error {
	k, ch := reporting(snmpContext, 0, IndexDeallocate{VarBinds: binds})
	c.mu.Lock()
	c.indexes = slices.DeleteFunc(c.indexes, func(x indexClaim) bool {
		return x.context == snmpContext && slices.Contains(binds, x.bind)
	})
	err := c.submit(k)
	c.mu.Unlock()
	_, err = await(ctx, err, ch)
	return err
}
