// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/vigild/vigild/cmd/vigild/cmdline"
	"github.com/vigild/vigild/cmd/vigild/files"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/machine"
	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/config/vigil"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/run/parent"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/track"
	"github.com/vigild/vigild/engine/vrrp"
)

// shared is what the workers need beside the configuration: what came from the
// command line and from vigil.yaml. It is the Options of a Preparation.
type shared struct {
	KeepAddresses bool `json:"keep_addresses,omitempty"`
	ReleaseVIPs   bool `json:"release_vips,omitempty"`
	// SNMP is -x; Started is when the parent started, in nanoseconds since the
	// Unix epoch.
	SNMP    bool            `json:"snmp,omitempty"`
	Started int64           `json:"started"`
	Log     logTo           `json:"log"`
	Observe *vigil.Settings `json:"observe"`
	// SMTP and Webhooks are complete: what they need of files is read.
	SMTP     notify.SMTPSettings      `json:"smtp"`
	Webhooks []notify.WebhookSettings `json:"webhooks,omitempty"`
	Bus      onBus                    `json:"bus,omitzero"`
}

// language is how the configuration's text is to be read.
func language(o *cmdline.Options) syntax.Options {
	l := syntax.Here(o.ConfigID, machine.Random)
	if o.AllConfig {
		l.Check = syntax.CheckAll
	}
	return l
}

// badConfig is a configuration that cannot be run, with keepalived's exit status.
type badConfig struct {
	status   int
	problems []syntax.Problem
	// namespace is its net_namespace, where it may not be bad at all.
	namespace string
}

func (e *badConfig) Error() string {
	for _, p := range e.problems {
		if p.Class == syntax.Fatal {
			return p.String()
		}
	}
	return "the configuration cannot be run"
}

// loaded is a configuration from its files.
type loaded struct {
	conf    *config.Config
	image   []byte
	observe *vigil.Settings
}

// load reads the configuration and the settings from their files. All problems
// are complained about, whether it can be run or not. draft, if not nil, is given
// the text as soon as it is known.
func load(o *cmdline.Options, draft func([]byte), complain func(syntax.Problem)) (*loaded, error) {
	l := &loaded{}
	var found []syntax.Problem
	done := machine.Reading()
	here := machine.Environment(false)
	here.Draft = draft
	l.conf, l.image, found = config.Load(o.File, language(o), here)
	done()
	for _, p := range found {
		complain(p)
	}
	if status := config.RunExit(found); status != 0 {
		bad := &badConfig{status: status, problems: found}
		if l.conf != nil {
			bad.namespace = l.conf.Global.NetNamespace
		}
		return nil, bad
	}
	var err error
	if l.observe, err = vigil.Load(vigil.From{File: o.Settings, Environ: environ()}); err != nil {
		return nil, err
	}
	if o.Shadow {
		observeOnly(l.conf)
	}
	l.observe.Control.Socket = controlSocket(o, &l.conf.Global, l.observe.Control.Socket)
	// The command line before keepalived.conf before vigil.yaml.
	for _, master := range []string{o.SNMPSocket, l.conf.Global.SNMP.Socket} {
		if master != "" {
			l.observe.SNMP.Master = master
			break
		}
	}
	return l, l.observe.Apply(&l.conf.Notify, l.conf.Global.RouterID)
}

// defaultSocket is where vigilctl looks for a daemon.
const defaultSocket = "/run/vigil/control.sock"

// controlSocket is where vigilctl is answered. Where there may be several
// daemons, each has a socket of its own, named like its pid files.
func controlSocket(o *cmdline.Options, g *config.Global, set string) string {
	if o.ControlSocket != "" {
		return o.ControlSocket
	}
	if suffix := files.Suffix(o, g); set == defaultSocket && suffix != "" {
		return strings.TrimSuffix(set, ".sock") + suffix + ".sock"
	}
	return set
}

// environ is the environment of the settings. What else begins like them is
// made for scripts.
func environ() []string {
	var out []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "VIGIL_") {
			out = append(out, v)
		}
	}
	return out
}

// observeOnly takes everything out of a configuration that another daemon does
// already: scripts, FIFOs, mails, SNMP, D-Bus, and files by which that one is
// asked or asks. What is left describes what is observed. Webhooks stay: they
// are not keepalived's.
func observeOnly(c *config.Config) {
	n, g := &c.Notify, &c.Global
	n.FIFOs, n.SMTP.Server, n.SMTP.Recipients = nil, "", nil
	quiet := func(list []notify.SubjectSettings) {
		for i := range list {
			list[i] = notify.SubjectSettings{Name: list[i].Name}
		}
	}
	quiet(n.Instances)
	quiet(n.Groups)
	c.Track, c.Programs = track.Settings{}, nil
	g.Startup, g.Shutdown, g.SNMP, g.DBus, g.Reload = notify.Script{}, notify.Script{}, config.SNMP{}, false, config.Reload{}
	g.Dump = config.Dump{UseInstance: true, JSONVersion: g.Dump.JSONVersion, Stats: "vigild-shadow.stats", JSON: "vigild-shadow.json", State: "vigild-shadow.data"}
	g.Processes = config.Processes{}
}

// statusOf is the exit status for a configuration that could not be loaded.
func statusOf(err error) int {
	if bad, ok := errors.AsType[*badConfig](err); ok {
		return bad.status
	}
	return parent.ExitFatal
}

// configTest is -t: it reports every problem and returns keepalived's status.
func configTest(o *cmdline.Options, complaints io.Writer) int {
	if o.TestLog != "" {
		f, err := os.OpenFile(o.TestLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			fmt.Fprintln(complaints, err)
			return config.ExitFatal
		}
		defer f.Close()
		complaints = f
	}
	defer machine.Reading()()
	_, _, found := config.Load(o.File, language(o), machine.Environment(true))
	if err := syntax.Report(complaints, syntax.Format(o.TestFormat), version, found); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return config.ExitFatal
	}
	status := config.TestExit(found)
	if status == config.ExitOK && len(o.Invalid) > 0 {
		return config.ExitFaulty
	}
	return status
}

// restTime is when a reload is over for sure; serversMany is from how many real
// servers on what the parent does not need of them is forgotten.
const (
	restTime    = 2 * time.Second
	serversMany = 500
)

// generation makes what the parent needs of a configuration.
func generation(o *cmdline.Options, l *loaded, started time.Time) (*parent.Generation, error) {
	c := l.conf
	body, err := json.Marshal(shared{
		KeepAddresses: o.KeepVRRP, ReleaseVIPs: o.ReleaseVIPs, SNMP: o.SNMP, Started: started.UnixNano(), Log: logOptions(o),
		Observe: l.observe, SMTP: c.Notify.SMTP, Webhooks: c.Notify.Webhooks, Bus: busOf(&c.Global),
	})
	if err != nil {
		return nil, fmt.Errorf("options of the roles: %w", err)
	}
	g := &parent.Generation{
		Name: o.File, Image: l.image, Body: body, Track: c.Track,
		Programs: c.Programs, Slim: c.Slim, Adverts: map[string]time.Duration{}, Roles: roles(o, c), StopWait: c.Global.ChildWaitTime, Launch: c,
		Rows: func(number int) []event.Row {
			rows := c.Rows(config.RowsOf{Version: version, Generation: number, Index: interfaceIndex})
			rows[0].Global.Shadow = o.Shadow // the first is the global one
			return rows
		},
	}
	if !o.NoBFD && !o.Shadow {
		for i := range c.Sessions {
			g.Sessions = append(g.Sessions, c.Sessions[i].Name)
		}
	}
	g.Services = followed(&c.VRRP)
	for i := range c.VRRP.Instances {
		in := &c.VRRP.Instances[i]
		g.Adverts[in.Name] = in.AdvertInterval
	}
	servers := 0
	for i := range c.Health.Services {
		servers += len(c.Health.Services[i].Servers)
	}
	if servers > serversMany {
		c.Forget()
		// Not at once: the tree is still in use, and so are both processors.
		time.AfterFunc(restTime, debug.FreeOSMemory)
	}
	return g, nil
}

// followed are the virtual servers that instances and groups follow.
func followed(s *vrrp.Settings) []string {
	var out []string
	add := func(tracks []vrrp.Track) {
		for _, t := range tracks {
			if t.Kind == event.SubjectVirtualServer {
				out = append(out, t.Name)
			}
		}
	}
	for i := range s.Instances {
		add(s.Instances[i].Tracks)
	}
	for i := range s.Groups {
		add(s.Groups[i].Tracks)
	}
	return out
}

func interfaceIndex(name string) int {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0
	}
	return i.Index
}

// roles are the workers that a configuration needs (compat: a worker that has
// nothing to do is not started unless --all says so; -P and -C choose).
func roles(o *cmdline.Options, c *config.Config) []event.Role {
	var out []event.Role
	if o.Shadow {
		return []event.Role{event.RoleVRRP, event.RoleObserve}
	}
	v := &c.VRRP
	has := len(v.Instances)+len(v.StaticAddresses)+len(v.StaticRoutes)+len(v.StaticRules) > 0
	if (has || o.All) && (o.VRRP || !o.Check) {
		out = append(out, event.RoleVRRP)
	}
	if (len(c.Sessions) > 0 || o.All) && !o.NoBFD {
		out = append(out, event.RoleBFD)
	}
	if (len(c.Health.Services) > 0 || o.All) && (o.Check || !o.VRRP) {
		out = append(out, event.RoleCheck)
	}
	return append(out, event.RoleObserve)
}

// reparse is how a worker reads a generation: the same bytes, the same parser.
func reparse(p *role.Prepared) (*config.Config, *shared, error) {
	s := &shared{}
	if len(p.Options) > 0 {
		if err := json.Unmarshal(p.Options, s); err != nil {
			return nil, nil, fmt.Errorf("options of the roles: %w", err)
		}
	}
	r, ok := p.Draft.(*reading)
	if !ok {
		r = read(p.Image)
	}
	if status := config.RunExit(r.found); status != 0 {
		return nil, nil, &badConfig{status: status, problems: r.found}
	}
	return r.conf, s, nil
}

// reading is what a worker makes of a text.
type reading struct {
	conf  *config.Config
	found []syntax.Problem
}

func read(image []byte) *reading {
	defer machine.Reading()()
	r := &reading{}
	r.conf, r.found = config.Parse(image, machine.Worker())
	return r
}

// vrrpSettings is what the vrrp role needs of a generation.
func vrrpSettings(p *role.Prepared) (*vrrp.Settings, error) {
	c, s, err := reparse(p)
	if err != nil {
		return nil, err
	}
	c.VRRP.KeepAddresses = c.VRRP.KeepAddresses || s.KeepAddresses
	c.VRRP.ReleaseVIPs = c.VRRP.ReleaseVIPs || s.ReleaseVIPs
	if s.Observe != nil {
		s.Observe.VRRP.Apply(&c.VRRP)
	}
	return &c.VRRP, nil
}
