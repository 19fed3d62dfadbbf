// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// Running is the answer of /api/v1/running: the configuration in force and how
// what it speaks of stands, which is all that a plan of a reload needs. It has
// the passwords of the configuration, so root alone is answered.
type Running struct {
	File       string `json:"file"`
	Generation int    `json:"generation"`
	// Text is the consolidated text of the configuration in force.
	Text      string            `json:"text"`
	Instances []RunningInstance `json:"instances,omitempty"`
	// Objects are scripts, files, processes, sessions and interfaces.
	Objects []TrackedStatus `json:"objects,omitempty"`
	Servers []RunningServer `json:"servers,omitempty"`
}

// RunningInstance is how one vrrp_instance stands.
type RunningInstance struct {
	Name           string        `json:"name"`
	State          event.State   `json:"state"`
	Source         string        `json:"source,omitempty"`
	Master         string        `json:"master,omitempty"`
	MasterPriority uint8         `json:"master_priority,omitempty"`
	MasterInterval time.Duration `json:"master_interval,omitempty"`
}

// RunningServer is one virtual or real server.
type RunningServer struct {
	Subject  event.Subject `json:"subject"`
	State    event.State   `json:"state"`
	Weight   int32         `json:"weight,omitempty"`
	Active   uint32        `json:"active,omitempty"`
	Inactive uint32        `json:"inactive,omitempty"`
}

// stand fills in how everything stands.
func (r *Running) stand(v *ledger.View) {
	for _, in := range v.Instances {
		out := RunningInstance{
			Name: in.Row.Subject.Name, State: in.State, Master: in.Tally.Master,
			MasterPriority: in.Tally.MasterPriority, MasterInterval: in.Tally.MasterInterval,
		}
		if in.Row.Source.IsValid() {
			out.Source = in.Row.Source.String()
		}
		r.Instances = append(r.Instances, out)
	}
	for _, s := range v.Scripts {
		r.Objects = append(r.Objects, TrackedStatus{Kind: event.SubjectScript, Name: s.Row.Subject.Name, State: s.State})
	}
	for _, o := range v.Objects {
		r.Objects = append(r.Objects, TrackedStatus{Kind: o.Subject.Kind, Name: o.Subject.Name, State: o.State, Value: o.Value})
	}
	if v.Pool == nil {
		return
	}
	for _, s := range v.Pool.Services {
		r.Servers = append(r.Servers, RunningServer{Subject: s.Row.Subject, State: s.State})
		for _, v := range s.Servers {
			t := &v.Tally
			r.Servers = append(r.Servers, RunningServer{v.Row.Subject, v.State, t.Weight, t.Active, t.Inactive})
		}
	}
}

// running answers /api/v1/running.
func (s *Server) running(w http.ResponseWriter, r *http.Request) {
	if s.opts.Running == nil {
		fail(w, http.StatusNotFound, "nobody here knows the configuration in force", "")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), writeTimeout)
	defer cancel()
	out, err := s.opts.Running(ctx)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err.Error(), "")
		return
	}
	out.stand(s.src.Refresh(ctx))
	send(w, out)
}

// reloadWait is how long a reload may take to come into force: the workers
// have 30 s to prepare.
const reloadWait = 45 * time.Second

// reload answers POST /api/v1/reload when the configuration is in force, or
// says why it is not.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if s.opts.Reload == nil {
		fail(w, http.StatusNotFound, "nobody here can reload", "")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), reloadWait)
	defer cancel()
	by, _ := PeerOf(r.RemoteAddr)
	if err := s.opts.Reload(ctx, by.String()); err != nil {
		fail(w, http.StatusConflict, err.Error(), "the old configuration stays; look at vigilctl config test")
		return
	}
	send(w, map[string]bool{"reloaded": true})
}

// rootOnly lets nobody but root on this host ask, whatever the mode of the
// socket says.
func rootOnly(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if p, ok := PeerOf(r.RemoteAddr); !ok || p.UID != 0 {
			fail(w, http.StatusForbidden, "only root on this host may ask for "+r.URL.Path, "become root, and use the control socket")
			return
		}
		serve(w, r)
	}
}

// Peer is who is at the other end of the control socket, as the kernel says.
type Peer struct {
	UID uint32
	PID int32
}

// String is what events say of it.
func (p Peer) String() string { return fmt.Sprintf("uid %d, pid %d", p.UID, p.PID) }

// Peers makes a listener of a UNIX socket tell who connects: requests have it
// as their RemoteAddr.
func Peers(l net.Listener) net.Listener { return peers{l} }

type peers struct{ net.Listener }

// Accept asks the kernel who connected.
func (l peers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return c, nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return c, nil // nobody in particular: root only is refused
	}
	var cred *syscall.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); e != nil || err != nil {
		return c, nil
	}
	return told{c, Peer{cred.Uid, cred.Pid}}, nil
}

// told is a connection that says who is at its other end.
type told struct {
	net.Conn
	peer Peer
}

// RemoteAddr implements net.Conn.
func (c told) RemoteAddr() net.Addr { return peerAddr{c.peer} }

type peerAddr struct{ peer Peer }

const peerForm = "peer:%d:%d"

func (a peerAddr) Network() string { return "unix" }

func (a peerAddr) String() string { return fmt.Sprintf(peerForm, a.peer.UID, a.peer.PID) }

// PeerOf reads the RemoteAddr of a request; ok is false if the kernel did not
// say who it is. No address of another kind of listener looks like that.
func PeerOf(addr string) (p Peer, ok bool) {
	if !strings.HasPrefix(addr, "peer:") {
		return p, false
	}
	n, err := fmt.Sscanf(addr, peerForm, &p.UID, &p.PID)
	return p, err == nil && n == 2
}

// Running asks for the configuration in force; only root is answered.
func (c *Client) Running(ctx context.Context) (out *Running, err error) {
	return out, c.get(ctx, "/api/v1/running", &out)
}

// Reload asks for the configuration to be read anew, and waits until it is in
// force; only root is obeyed.
func (c *Client) Reload(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://vigild/api/v1/reload", bytes.NewReader(nil))
	if err != nil {
		return fmt.Errorf("request a reload: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	p := &Problem{Status: resp.StatusCode}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(p); err != nil || p.Message == "" {
		p.Message = "vigild answered " + resp.Status
	}
	return p
}
