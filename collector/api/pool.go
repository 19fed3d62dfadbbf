// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
)

// ServiceStatus is one virtual server.
type ServiceStatus struct {
	Name string `json:"name"`
	// CompatName is keepalived's name for it.
	CompatName string       `json:"compat_name"`
	State      event.State  `json:"state"`
	SinceWall  int64        `json:"since_wall"`
	Reason     event.Reason `json:"reason,omitempty"`
	// ID is the identity of the last change of the quorum in every exit.
	ID        string `json:"id,omitempty"`
	Scheduler string `json:"scheduler"`
	Method    string `json:"method"`
	// Alive is the weight of the servers that are up, Quorum what is asked for.
	Alive     int64  `json:"alive"`
	Quorum    int64  `json:"quorum"`
	Up        uint32 `json:"up"`
	Down      uint32 `json:"down"`
	Disabled  uint32 `json:"disabled"`
	Sorry     bool   `json:"sorry"`
	Suspended bool   `json:"suspended"`
	Braked    bool   `json:"braked"`
	// Active is how many connections are open.
	Active      uint64 `json:"active_connections"`
	Connections uint64 `json:"connections"`
	// Servers are only in the answer of /api/v1/services.
	Servers []ServerStatus `json:"servers,omitempty"`
}

// ServerStatus is one real server, or the sorry server.
type ServerStatus struct {
	Name      string       `json:"name"`
	State     event.State  `json:"state"`
	SinceWall int64        `json:"since_wall"`
	Reason    event.Reason `json:"reason,omitempty"`
	// ID is the identity of the last change in every exit.
	ID string `json:"id,omitempty"`
	// Weight is the one in force, BaseWeight the configured one.
	Weight      int32         `json:"weight"`
	BaseWeight  int32         `json:"base_weight"`
	Sorry       bool          `json:"sorry,omitempty"`
	Active      uint32        `json:"active_connections"`
	Inactive    uint32        `json:"inactive_connections"`
	Connections uint64        `json:"connections"`
	Checks      []CheckStatus `json:"checks"`
}

// CheckStatus is one check of a real server.
type CheckStatus struct {
	Checker  event.Checker `json:"checker"`
	Target   string        `json:"target,omitempty"`
	Detail   string        `json:"detail,omitempty"`
	Up       bool          `json:"up"`
	Run      bool          `json:"run"`
	Attempts uint64        `json:"attempts"`
	Failures uint64        `json:"failures"`
	// Failing counts the failures in a row.
	Failing uint32        `json:"failing"`
	Took    time.Duration `json:"took"`
}

// serviceStatus says how a virtual server is, with its servers if asked for.
func serviceStatus(s *ledger.Service, servers bool) ServiceStatus {
	row, t := &s.Row, &s.Tally
	out := ServiceStatus{
		Name: row.Subject.Name, CompatName: row.CompatName(), State: s.State, SinceWall: s.SinceWall, Scheduler: row.Scheduler,
		Method: row.Method.Forward.String(), Alive: t.Alive, Quorum: row.Quorum, Up: t.Up, Down: t.Down, Disabled: t.Disabled,
		Sorry: t.Sorry, Suspended: t.Suspended, Braked: t.Braked, Connections: t.Stats.Conns,
	}
	if s.Last != nil {
		out.Reason, out.ID = s.Last.Reason, s.Last.ID().String()
	}
	for _, r := range s.Servers {
		out.Active += uint64(r.Tally.Active)
		if servers {
			out.Servers = append(out.Servers, serverStatus(r))
		}
	}
	return out
}

func serverStatus(r *ledger.Server) ServerStatus {
	row, t := &r.Row, &r.Tally
	out := ServerStatus{
		Name: row.Subject.Sub, State: r.State, SinceWall: r.SinceWall, Weight: t.Weight, BaseWeight: row.Weight, Sorry: row.Sorry,
		Active: t.Active, Inactive: t.Inactive, Connections: t.Stats.Conns, Checks: []CheckStatus{},
	}
	if r.Last != nil {
		out.Reason, out.ID = r.Last.Reason, r.Last.ID().String()
	}
	for i := range row.Checks {
		c := CheckStatus{Checker: row.Checks[i].Checker, Detail: row.Checks[i].Detail, Up: row.Checks[i].Up, Run: row.Checks[i].Run}
		if row.Checks[i].Target.IsValid() {
			c.Target = row.Checks[i].Target.String()
		}
		if i < len(r.Checks) {
			k := &r.Checks[i]
			c.Up, c.Run, c.Attempts, c.Failures, c.Failing, c.Took = k.Up, k.Run, k.Attempts, k.Failures, k.Failing, k.LastTook
		}
		out.Checks = append(out.Checks, c)
	}
	return out
}

func (s *Server) services(w http.ResponseWriter, r *http.Request) {
	out := []ServiceStatus{}
	if pool := s.fresh(r).Pool; pool != nil {
		for _, v := range pool.Services {
			out = append(out, serviceStatus(v, true))
		}
	}
	send(w, out)
}

// poolProblems say what of virtual servers needs a look.
func poolProblems(p *ledger.Pool) []string {
	if p == nil {
		return nil
	}
	var out []string
	for _, s := range p.Services {
		switch {
		case s.State == event.Down && s.Last != nil:
			out = append(out, explain.Sentence(s.Last))
		case s.State == event.Down:
			out = append(out, s.Row.Subject.Name+" has no quorum")
		}
		if s.Tally.Sorry {
			out = append(out, fmt.Sprintf("the sorry server of %s stands in", s.Row.Subject.Name))
		}
		if s.Tally.Braked && s.Brake != nil {
			out = append(out, explain.Sentence(s.Brake))
		}
		if s.State == event.Up && s.Tally.Down > 0 {
			out = append(out, fmt.Sprintf("%d of the real servers of %s are down", s.Tally.Down, s.Row.Subject.Name))
		}
	}
	if p.Counted != 0 && !p.Tally.Available {
		out = append(out, "servers are checked, and nothing is balanced: the kernel has no IPVS, or vigild was started with --dataplane=dry-run")
	}
	return out
}

// whyNames explains what the query names: instances, virtual servers, real
// servers, each after its virtual server, and changes by their id.
func (s *Server) whyNames(w http.ResponseWriter, r *http.Request, names []string) {
	v := s.src.View()
	out := []explain.Answer{}
	for i := 0; i < len(names); i++ {
		if in := v.Instance(names[i]); in != nil {
			out = append(out, explain.Why(caseOf(in, s.opts.Now())))
			continue
		}
		service := findService(v.Pool, names[i])
		if service == nil && isID(names[i]) {
			a, known := s.past(v, names[i])
			if !known {
				fail(w, http.StatusNotFound, fmt.Sprintf("no change with the id %s is kept", names[i]), "the last "+strconv.Itoa(s.opts.Events)+" events are; older ones are in the log")
				return
			}
			out = append(out, a)
			continue
		}
		if service == nil {
			fail(w, http.StatusNotFound, fmt.Sprintf("there is no instance or virtual server %q", names[i]), suggest(names[i], namesOf(v)))
			return
		}
		if i+1 < len(names) {
			if server := findServer(service, names[i+1]); server != nil {
				out = append(out, explain.WhyPool(serverCase(v.Pool, server, s.opts.Now())))
				i++
				continue
			}
			if v.Instance(names[i+1]) == nil && findService(v.Pool, names[i+1]) == nil {
				var known []string
				for _, x := range service.Servers {
					known = append(known, x.Row.Subject.Sub)
				}
				fail(w, http.StatusNotFound, fmt.Sprintf("%s has no real server %q", service.Row.Subject.Name, names[i+1]), suggest(names[i+1], known))
				return
			}
		}
		out = append(out, explain.WhyPool(serviceCase(v.Pool, service, s.opts.Now())))
	}
	send(w, out)
}

func namesOf(v *ledger.View) []string {
	var out []string
	for _, in := range v.Instances {
		out = append(out, in.Row.Subject.Name)
	}
	if v.Pool != nil {
		for _, s := range v.Pool.Services {
			out = append(out, s.Row.Subject.Name)
		}
	}
	return out
}

// findService finds a virtual server by its key, keepalived's name for it, its
// snmp_name, or its address and port alone if there is only one such.
func findService(p *ledger.Pool, name string) *ledger.Service {
	if s := p.Service(name); s != nil || p == nil {
		return s
	}
	var found *ledger.Service
	for _, s := range p.Services {
		_, rest, _ := strings.Cut(s.Row.Subject.Name, "/")
		if rest != name && s.Row.SNMPName != name {
			continue
		}
		if found != nil {
			return nil
		}
		found = s
	}
	return found
}

// findServer finds a real server by its address and port, its snmp_name, or its
// address alone if there is only one such.
func findServer(s *ledger.Service, name string) *ledger.Server {
	if r := s.Server(name); r != nil {
		return r
	}
	var found *ledger.Server
	for _, r := range s.Servers {
		if r.Row.SNMPName != name && r.Row.Addr.Addr().String() != name && r.Row.Addr.String() != name {
			continue
		}
		if found != nil {
			return nil
		}
		found = r
	}
	return found
}

func serviceCase(p *ledger.Pool, s *ledger.Service, now time.Time) *explain.PoolCase {
	c := &explain.PoolCase{
		Subject: s.Row.Subject, Name: "virtual server " + s.Row.Subject.Name, State: s.State, Now: now.UnixNano(), Story: s.Story,
	}
	if s.Last != nil {
		c.Last, c.Chain = *s.Last, s.Because
	}
	add := func(about, format string, args ...any) {
		c.Present = append(c.Present, explain.Fact{About: about, Says: fmt.Sprintf(format, args...)})
	}
	t := &s.Tally
	if p.Counted != 0 {
		add("now", "%d up, %d down, %d disabled; they weigh %d, %d is asked for", t.Up, t.Down, t.Disabled, t.Alive, s.Row.Quorum)
	}
	for _, r := range s.Servers {
		if r.State == event.Down && !r.Row.Sorry && r.Last != nil {
			add("down", "%s", explain.Sentence(r.Last))
		}
	}
	if s.Brake != nil && s.Brake.To == event.Up {
		add("brake", "%s", explain.Sentence(s.Brake))
	}
	if t.Sorry {
		add("sorry server", "%s stands in", s.Row.Sorry)
	}
	return c
}

func serverCase(p *ledger.Pool, r *ledger.Server, now time.Time) *explain.PoolCase {
	c := &explain.PoolCase{
		Subject: r.Row.Subject, Name: "real server " + r.Row.Subject.Sub + " of " + r.Row.Subject.Name, State: r.State,
		Now: now.UnixNano(), Story: r.Story,
	}
	if r.Last != nil {
		c.Last, c.Chain = *r.Last, r.Because
	}
	add := func(about, format string, args ...any) {
		c.Present = append(c.Present, explain.Fact{About: about, Says: fmt.Sprintf(format, args...)})
	}
	if p.Counted == 0 {
		return c
	}
	for _, k := range serverStatus(r).Checks {
		verdict := "passes"
		switch {
		case !k.Run:
			verdict = "has not run yet"
		case !k.Up:
			verdict = fmt.Sprintf("fails, %d times in a row", k.Failing)
		}
		add("check", "%s %s; %d attempts, %d failures, the last took %s", k.Checker, verdict, k.Attempts, k.Failures, explain.Duration(k.Took))
	}
	if s := p.Service(r.Row.Subject.Name); s != nil {
		add("pool", "weight %d of %d; its virtual server is %s with %d of %d", r.Tally.Weight, r.Row.Weight, s.State, s.Tally.Alive, s.Row.Quorum)
	}
	if p.Tally.Available {
		add("connections", "%d open, %d others, %d in all", r.Tally.Active, r.Tally.Inactive, r.Tally.Stats.Conns)
	}
	return c
}
