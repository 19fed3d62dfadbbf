// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vigil

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/vrrp"
)

// DefaultFile is where vigil.yaml is looked for. It need not exist there.
const DefaultFile = "/etc/vigil/vigil.yaml"

// Settings is vigil.yaml: how vigild is observed and run. What it keeps alive is in keepalived.conf and nowhere else.
type Settings struct {
	Web      Web       `koanf:"web"`
	Metrics  Metrics   `koanf:"metrics"`
	VRRP     Judgement `koanf:"vrrp"`
	Check    Care      `koanf:"check"`
	Control  Control   `koanf:"control"`
	OTLP     OTLP      `koanf:"otlp"`
	SNMP     AgentX    `koanf:"snmp"`
	SMTP     SMTP      `koanf:"smtp"`
	Webhooks []Webhook `koanf:"webhooks"`
	Log      Log       `koanf:"log"`
	Retain   Retain    `koanf:"retention"`
	Sampling Sampling  `koanf:"sampling"`
}

// Web is the HTTP side: /metrics, /-/healthy, /-/ready and the console.
type Web struct {
	// Listen are host:port addresses; empty turns HTTP off.
	Listen []string `koanf:"listen"`
	// ConfigFile is exporter-toolkit's: TLS and basic authentication.
	ConfigFile string `koanf:"config_file"`
	// Lifecycle lets PUT and POST on /-/reload read the configuration again.
	Lifecycle bool `koanf:"lifecycle"`
}

// Metrics is how much /metrics tells.
type Metrics struct {
	// Tier is aggregate (virtual servers only), basic (each real server as well) or full.
	Tier string `koanf:"tier"`
}

// Judgement is what a router does where keepalived leaves no choice; keepalived.conf has no words for it.
type Judgement struct {
	// AddressRemoved is what a MASTER does when somebody else removes an address of its own: keepalived (it gives up and
	// wins the address back), restore (it adds the address again and stays) or alert (it says so and stays).
	AddressRemoved string `koanf:"address_removed"`
	// SelfSuspicion holds a takeover for one skew time after a pause of this process itself.
	SelfSuspicion bool `koanf:"self_suspicion"`
}

// Apply puts the choices into the settings of the vrrp role.
func (j *Judgement) Apply(s *vrrp.Settings) {
	s.AddressRemoved = addressPolicies[j.AddressRemoved]
	s.TrustSelf = !j.SelfSuspicion
}

var addressPolicies = map[string]vrrp.AddressPolicy{"keepalived": vrrp.GiveUp, "restore": vrrp.Restore, "alert": vrrp.Alert}

// Care is what is done for the servers that are checked; keepalived.conf has no words for it. All of it is off unless
// asked for, but Poll.
type Care struct {
	// BrakePercent is the largest share of the weight of a virtual server that failed checks may take out of it within
	// BrakeWindow, 0 for any. A window of 0 counts a server for as long as it is down.
	BrakePercent int           `koanf:"brake_percent"`
	BrakeWindow  time.Duration `koanf:"brake_window"`
	// ShareProbes makes one probe for all checks that would do the same.
	ShareProbes bool `koanf:"share_probes"`
	// Poll is how often the table of the kernel is read to find what others have changed in it, 0 for never.
	Poll time.Duration `koanf:"poll"`
}

// Apply puts the choices into the settings of the check role.
func (c *Care) Apply(s *health.Settings, sampling Sampling) {
	s.ShareProbes, s.Poll = c.ShareProbes, c.Poll
	for i := range s.Services {
		s.Services[i].Brake = health.Brake{Percent: uint8(c.BrakePercent), Window: c.BrakeWindow}
	}
	if sampling.Ratio > 0 {
		s.SampleEvery = uint32(min(1/sampling.Ratio, math.MaxUint32))
	}
	s.KeepPerSecond = uint32(sampling.FailuresPerSecond)
}

// Control is the socket that vigilctl speaks to.
type Control struct {
	Socket string `koanf:"socket"`
	// Group may use it besides root; Mode is its octal file mode.
	Group string `koanf:"group"`
	Mode  string `koanf:"mode"`
}

// OTLP is where traces and log events go; off without an endpoint. The OTEL_ variables fill what is empty here.
type OTLP struct {
	Endpoint string            `koanf:"endpoint"`
	Protocol string            `koanf:"protocol"` // http/protobuf or grpc
	Headers  map[string]string `koanf:"headers"`
	Timeout  time.Duration     `koanf:"timeout"`
	Insecure bool              `koanf:"insecure"`
	CAFile   string            `koanf:"ca_file"`
	CertFile string            `koanf:"cert_file"`
	KeyFile  string            `koanf:"key_file"`
	// Traces and Logs say which of them are sent.
	Traces bool `koanf:"traces"`
	Logs   bool `koanf:"logs"`
}

// AgentX is the connection to the SNMP master agent. Enabled serves the tree even when keepalived.conf does not ask.
type AgentX struct {
	Enabled bool   `koanf:"enabled"`
	Master  string `koanf:"master"`
	// Timeout bounds one exchange; Reconnect is the longest pause between two attempts to connect.
	Timeout   time.Duration `koanf:"timeout"`
	Reconnect time.Duration `koanf:"reconnect"`
	// ConflictTraps sends a notification of our own when two routers are MASTER at once, if enable_traps is set too.
	ConflictTraps bool `koanf:"conflict_traps"`
	// Writes lets managers that the master agent trusts set what keepalived lets them
	// set: base priority, preempt, accept and the weights of real servers.
	Writes bool `koanf:"writes"`
}

// Log is the log.
type Log struct {
	Format string `koanf:"format"` // text, json, syslog or journald
	Level  string `koanf:"level"`  // debug, info, warn or error
}

// Retain is how much is remembered.
type Retain struct {
	// Events is how many are kept for `vigilctl events` and `why`.
	Events int `koanf:"events"`
}

// Sampling is which probes leave a trace besides those that fail or change something.
type Sampling struct {
	// Ratio is 0 to 1.
	Ratio float64 `koanf:"ratio"`
	// Slow makes a trace of every probe that takes longer; 0 of none.
	Slow time.Duration `koanf:"slow"`
	// FailuresPerSecond bounds the traces of failures.
	FailuresPerSecond int `koanf:"failures_per_second"`
}

// defaults are the settings of a machine without vigil.yaml. Every key there is stands here.
func defaults() map[string]any {
	return map[string]any{
		"web/listen": []string{":10112"}, "web/config_file": "", "web/lifecycle": false,
		"metrics/tier":         "basic",
		"vrrp/address_removed": "keepalived", "vrrp/self_suspicion": true,
		"check/brake_percent": 0, "check/brake_window": "0s", "check/share_probes": false, "check/poll": "10s",
		"control/socket": "/run/vigil/control.sock", "control/group": "", "control/mode": "0660",
		"otlp/endpoint": "", "otlp/protocol": "http/protobuf", "otlp/headers": map[string]string{}, "otlp/timeout": "10s", "otlp/insecure": false,
		"otlp/ca_file": "", "otlp/cert_file": "", "otlp/key_file": "", "otlp/traces": true, "otlp/logs": true,
		"snmp/enabled": false, "snmp/master": "/var/agentx/master", "snmp/timeout": "5s", "snmp/reconnect": "30s", "snmp/conflict_traps": false, "snmp/writes": false,
		"smtp/tls": "none", "smtp/ca_file": "", "smtp/username": "", "smtp/password": "", "smtp/password_file": "", "smtp/helo": "", "smtp/max_age": "1h",
		"smtp/auth": "auto", "smtp/style": "keepalived", "smtp/template_file": "", "smtp/digest_after": 0, "smtp/digest_wait": "10s",
		"smtp/spool": "", "smtp/spool_bytes": 64 << 20, "smtp/file": "",
		"webhooks":   []any{},
		"log/format": "text", "log/level": "info",
		"retention/events": 10_000,
		"sampling/ratio":   0.0, "sampling/slow": "1s", "sampling/failures_per_second": 10,
	}
}

// keys are the keys a section may have; those of a webhook stand under "webhooks".
func keys() map[string]bool {
	keys := map[string]bool{}
	for k := range defaults() {
		keys[k] = true
	}
	return keys
}

// Flags declares the settings that have a flag.
func Flags(f *pflag.FlagSet) {
	f.StringSlice("web.listen", []string{":10112"}, "addresses that HTTP is served at")
	f.String("web.config_file", "", "file with TLS and basic authentication settings of HTTP")
	f.String("control.socket", "/run/vigil/control.sock", "socket that vigilctl speaks to")
	f.String("otlp.endpoint", "", "where traces and log events are sent")
	f.String("otlp.protocol", "http/protobuf", "http/protobuf or grpc")
	f.String("log.format", "text", "text, json, syslog or journald")
	f.String("log.level", "info", "debug, info, warn or error")
	f.Int("retention.events", 10_000, "how many events are remembered")
}

// From says where the settings come from.
type From struct {
	// File is vigil.yaml; empty means DefaultFile, which need not exist.
	File string
	// Environ is the environment, as os.Environ gives it; only VIGIL_ variables matter. VIGIL_WEB_LISTEN is web/listen.
	Environ []string
	// Flags are the flags of Flags; nil means none.
	Flags *pflag.FlagSet
}

// Load reads the settings: defaults, over them the file, over it the environment, over it the flags. A key that
// does not exist is an error that names it.
func Load(from From) (*Settings, error) {
	k := koanf.New("/")
	if err := k.Load(confmap.Provider(defaults(), "/"), nil); err != nil {
		return nil, fmt.Errorf("defaults: %w", err)
	}
	name := from.File
	if name == "" {
		name = DefaultFile
	}
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		if err := loadYAML(k, name, text); err != nil {
			return nil, err
		}
	case from.File != "" || !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("settings: %w", err)
	}
	if err := loadEnviron(k, from.Environ); err != nil {
		return nil, err
	}
	if from.Flags != nil {
		flags := posflag.ProviderWithFlag(from.Flags, "/", k, func(f *pflag.Flag) (string, any) {
			key := strings.ReplaceAll(f.Name, ".", "/")
			if !f.Changed || !keys()[key] {
				return "", nil
			}
			return key, posflag.FlagVal(from.Flags, f)
		})
		if err := k.Load(flags, nil); err != nil {
			return nil, fmt.Errorf("flags: %w", err)
		}
	}
	o := &Settings{}
	err = k.UnmarshalWithConf("", o, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: o, TagName: "koanf", WeaklyTypedInput: true, ErrorUnused: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")),
	}})
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return o, o.check()
}

// loadYAML reads the file into k, if it has no key that does not exist.
func loadYAML(k *koanf.Koanf, name string, text []byte) error {
	file := koanf.New("/")
	if err := file.Load(rawbytes.Provider(text), yaml.Parser()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	known := keys()
	for _, key := range file.Keys() {
		if known[key] || strings.HasPrefix(key, "otlp/headers/") {
			continue
		}
		if file.Get(key) == nil && slices.ContainsFunc(keysOf(known), func(s string) bool { return strings.HasPrefix(s, key+"/") }) {
			continue // a section whose settings are all comments
		}
		return fmt.Errorf("%s: there is no setting %s%s", name, key, hint(known, key))
	}
	for _, key := range keysOf(known) {
		if file.Exists(key) && file.Get(key) == nil {
			file.Delete(key)
		}
	}
	return k.Merge(file)
}

func keysOf(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func hint(known map[string]bool, key string) string {
	best, least := "", 4
	for _, candidate := range keysOf(known) {
		if d := syntax.Distance(key, candidate, least); d < least {
			best, least = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// loadEnviron reads VIGIL_ variables: VIGIL_WEB_LISTEN is web/listen. Variables of a systemd unit or a shell that have
// the prefix by chance would be silently lost, so an unknown one is an error.
func loadEnviron(k *koanf.Koanf, environ []string) error {
	names := map[string]string{}
	for key := range keys() {
		if key != "webhooks" && key != "otlp/headers" {
			names["VIGIL_"+strings.ToUpper(strings.ReplaceAll(key, "/", "_"))] = key
		}
	}
	var unknown error
	err := k.Load(env.Provider("/", env.Opt{
		Prefix:      "VIGIL_",
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key, ok := names[name]
			switch {
			case ok:
				return key, value
			case name != "VIGIL_EVENT_ID": // what a notify script is given, and may hand on
				unknown = errors.Join(unknown, fmt.Errorf("environment: there is no setting %s", name))
			}
			return "", nil
		},
	}), nil)
	return errors.Join(unknown, err)
}

// check finds values that cannot be meant.
func (o *Settings) check() error {
	var errs []error
	bad := func(key, value, want string) {
		errs = append(errs, fmt.Errorf("settings: %s: %q is not %s", key, value, want))
	}
	oneOf := func(key, value string, words ...string) {
		if !slices.Contains(words, value) {
			bad(key, value, strings.Join(words, ", "))
		}
	}
	positive := func(key string, d time.Duration) {
		if d <= 0 {
			bad(key, d.String(), "a time above 0")
		}
	}
	for _, a := range o.Web.Listen {
		if _, port, err := net.SplitHostPort(a); err != nil || !isPort(port) {
			bad("web/listen", a, "host:port")
		}
	}
	if mode, err := strconv.ParseUint(o.Control.Mode, 8, 32); err != nil || mode > 0o777 {
		bad("control/mode", o.Control.Mode, "an octal file mode")
	}
	oneOf("vrrp/address_removed", o.VRRP.AddressRemoved, "keepalived", "restore", "alert")
	oneOf("otlp/protocol", o.OTLP.Protocol, "http/protobuf", "grpc")
	if o.OTLP.Endpoint != "" && !isURL(o.OTLP.Endpoint) {
		bad("otlp/endpoint", o.OTLP.Endpoint, "a URL with http or https")
	}
	positive("otlp/timeout", o.OTLP.Timeout)
	positive("snmp/timeout", o.SNMP.Timeout)
	positive("snmp/reconnect", o.SNMP.Reconnect)
	oneOf("smtp/tls", o.SMTP.TLS, "none", "starttls", "tls")
	oneOf("smtp/auth", o.SMTP.Auth, "auto", "plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256")
	oneOf("smtp/style", o.SMTP.Style, "keepalived", "explained")
	errs = append(errs, o.SMTP.check()...)
	if o.SMTP.Password != "" && o.SMTP.PasswordFile != "" {
		errs = append(errs, errors.New("settings: smtp/password and smtp/password_file exclude each other"))
	}
	oneOf("metrics/tier", o.Metrics.Tier, "aggregate", "basic", "full")
	oneOf("log/format", o.Log.Format, "text", "json", "syslog", "journald")
	oneOf("log/level", o.Log.Level, "debug", "info", "warn", "error")
	if o.Retain.Events < 1 || o.Retain.Events > 1_000_000 {
		bad("retention/events", strconv.Itoa(o.Retain.Events), "from 1 to 1000000")
	}
	if o.Sampling.Ratio < 0 || o.Sampling.Ratio > 1 {
		bad("sampling/ratio", strconv.FormatFloat(o.Sampling.Ratio, 'g', -1, 64), "from 0 to 1")
	}
	if o.Check.BrakePercent < 0 || o.Check.BrakePercent > 100 {
		bad("check/brake_percent", strconv.Itoa(o.Check.BrakePercent), "from 0 to 100")
	}
	if o.Check.BrakeWindow < 0 || o.Check.Poll < 0 {
		errs = append(errs, errors.New("settings: check/brake_window and check/poll are no times below 0"))
	}
	if o.Sampling.FailuresPerSecond < 0 {
		bad("sampling/failures_per_second", strconv.Itoa(o.Sampling.FailuresPerSecond), "0 or more")
	}
	return errors.Join(append(errs, o.checkWebhooks()...)...)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n <= 65535
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
