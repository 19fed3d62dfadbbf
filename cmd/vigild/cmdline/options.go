// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Options is the command line.
type Options struct {
	File string
	// VRRP and Check are -P and -C: neither or both means whatever is configured.
	VRRP, Check, NoBFD, All bool

	LogConsole, LogDetail, NoSyslog, FlushLog bool
	// Facility is empty for daemon; LogFile is set with LogToFile.
	Facility, LogFile string
	LogToFile         bool

	// Umask is -1 unless given.
	Umask                                              int
	ReleaseVIPs, KeepVRRP, KeepIPVS, NoRespawn, NoFork bool
	DumpConf                                           bool
	PID, VRRPPID, CheckersPID, BFDPID                  string
	AddressMonitoring, SNMP                            bool
	SNMPSocket, Namespace                              string
	Core                                               bool
	CorePattern                                        string
	AllConfig                                          bool
	ConfigID                                           string
	IgnoreSigint                                       bool
	Signum                                             string
	ConfigTest                                         bool
	TestLog                                            string
	// TestFormat is text, json or sarif.
	TestFormat                               string
	Debug                                    string
	Single, Shadow                           bool
	Settings, ControlSocket, Dataplane, Role string
	// Invalid are complaints about arguments that are done without; a test of a
	// configuration fails by them. Noted are those by which it does not (compat).
	Invalid, Noted         []string
	Version, Help, Genhash bool
}

const defaultFile = "/etc/keepalived/keepalived.conf"

// Parse reads a command line. Words are what is left of it that is no option;
// keepalived has no use for any, and says so.
func Parse(args []string) (o *Options, words []string, err error) {
	o = &Options{File: defaultFile, Umask: -1, Dataplane: "kernel", TestFormat: "text"}
	words, err = getopt(commandLine(), o, args)
	return o, words, err
}

// Usage lists all options for people.
func Usage() string { return usage(commandLine()) }

func flag(p func(o *Options) *bool) func(*Options, string) error {
	return func(o *Options, _ string) error { *p(o) = true; return nil }
}

func text(p func(o *Options) *string) func(*Options, string) error {
	return func(o *Options, v string) error { *p(o) = v; return nil }
}

// commandLine is every option, in the order of the help. The first part has
// the names and meanings of keepalived(8); what has no effect here is taken
// and does nothing, so that units and scripts need no editing.
func commandLine() []option {
	return slices.Concat(rolesOptions(), logOptions(), lifeOptions(), pidOptions(), reportOptions(), ourOptions())
}

func rolesOptions() []option {
	return []option{
		{'f', "use-file", value, "FILE", "Use the specified configuration file\n default '" + defaultFile + "'", text(func(o *Options) *string { return &o.File })},
		{'P', "vrrp", nothing, "", "Only run the VRRP part", flag(func(o *Options) *bool { return &o.VRRP })},
		{'C', "check", nothing, "", "Only run the health checking part", flag(func(o *Options) *bool { return &o.Check })},
		{'B', "no_bfd", nothing, "", "Don't run the BFD part", flag(func(o *Options) *bool { return &o.NoBFD })},
		{0, "all", nothing, "", "Run all roles, even those that have no configuration", flag(func(o *Options) *bool { return &o.All })},
	}
}

func logOptions() []option {
	return []option{
		{'l', "log-console", nothing, "", "Log to the local console", flag(func(o *Options) *bool { return &o.LogConsole })},
		{'D', "log-detail", nothing, "", "Log in detail", flag(func(o *Options) *bool { return &o.LogDetail })},
		{'S', "log-facility", value, "([0-7]|local[0-7]|user|daemon)", "Set the syslog facility, default daemon", setFacility},
		{'g', "log-file", maybe, "FILE", "Also log to FILE (default /tmp/keepalived.log)", func(o *Options, v string) error {
			o.LogToFile, o.LogFile = true, v
			if v == "" {
				o.LogFile = "/tmp/keepalived.log"
			}
			return nil
		}},
		{0, "flush-log-file", nothing, "", "Write each line of the log file at once", flag(func(o *Options) *bool { return &o.FlushLog })},
		{'G', "no-syslog", nothing, "", "Don't log via syslog", flag(func(o *Options) *bool { return &o.NoSyslog })},
	}
}

func setFacility(o *Options, v string) error {
	switch name := strings.TrimPrefix(v, "local"); {
	case len(name) == 1 && name[0] >= '0' && name[0] <= '7':
		o.Facility = "local" + name
	case v == "user" || v == "daemon":
		o.Facility = v
	default:
		o.Invalid = append(o.Invalid, fmt.Sprintf("Invalid log facility '%s'", v))
	}
	return nil
}

func lifeOptions() []option {
	return []option{
		{'u', "umask", value, "MASK", "umask for file creation (in numeric form)", func(o *Options, v string) error {
			n, err := strconv.ParseUint(v, 0, 32)
			if err != nil || n > 0o777 {
				o.Noted = append(o.Noted, fmt.Sprintf("Invalid --umask option %s", v))
				return nil
			}
			o.Umask = int(n)
			return nil
		}},
		{'X', "release-vips", nothing, "", "Drop addresses on transition from signal", flag(func(o *Options) *bool { return &o.ReleaseVIPs })},
		{'V', "dont-release-vrrp", nothing, "", "Don't remove addresses and routes when the daemon stops", flag(func(o *Options) *bool { return &o.KeepVRRP })},
		{'I', "dont-release-ipvs", nothing, "", "Don't remove IPVS services when the daemon stops", flag(func(o *Options) *bool { return &o.KeepIPVS })},
		{'R', "dont-respawn", nothing, "", "Don't start a worker again that ended", flag(func(o *Options) *bool { return &o.NoRespawn })},
		{'n', "dont-fork", nothing, "", "Stay in the foreground", flag(func(o *Options) *bool { return &o.NoFork })},
		{'d', "dump-conf", nothing, "", "Print the configuration as it was understood", flag(func(o *Options) *bool { return &o.DumpConf })},
	}
}

func pidOptions() []option {
	return []option{
		{'p', "pid", value, "FILE", "Use specified pidfile for the parent", text(func(o *Options) *string { return &o.PID })},
		{'r', "vrrp_pid", value, "FILE", "Use specified pidfile for the vrrp role", text(func(o *Options) *string { return &o.VRRPPID })},
		{'T', "genhash", nothing, "", "Be genhash (this must be the first option)", flag(func(o *Options) *bool { return &o.Genhash })},
		{'c', "checkers_pid", value, "FILE", "Use specified pidfile for the check role", text(func(o *Options) *string { return &o.CheckersPID })},
		{'a', "address-monitoring", nothing, "", "Log every address that is added or removed, by whomever", flag(func(o *Options) *bool { return &o.AddressMonitoring })},
		{'b', "bfd_pid", value, "FILE", "Use specified pidfile for the BFD part", text(func(o *Options) *string { return &o.BFDPID })},
	}
}

func reportOptions() []option {
	return []option{
		{'x', "snmp", nothing, "", "Serve SNMP through an AgentX master", flag(func(o *Options) *bool { return &o.SNMP })},
		{'A', "snmp-agent-socket", value, "FILE", "Use the specified socket of the AgentX master", text(func(o *Options) *string { return &o.SNMPSocket })},
		{'s', "namespace", value, "NAME", "Run in network namespace NAME (overrides the configuration)", text(func(o *Options) *string { return &o.Namespace })},
		{'m', "core-dump", nothing, "", "Leave a core dump when a role crashes", flag(func(o *Options) *bool { return &o.Core })},
		{'M', "core-dump-pattern", maybe, "PATN", "Also set /proc/sys/kernel/core_pattern to PATN (default 'core')", func(o *Options, v string) error {
			o.Core, o.CorePattern = true, v
			if v == "" {
				o.CorePattern = "core"
			}
			return nil
		}},
		{'e', "all-config", nothing, "", "Error if any configuration file is missing", flag(func(o *Options) *bool { return &o.AllConfig })},
		{'i', "config-id", value, "id", "Leave out lines that begin with '@' and another id,\n and lines that begin with '@^' and this id (default: the node name)", text(func(o *Options) *string { return &o.ConfigID })},
		{0, "ignore-sigint", nothing, "", "Ignore SIGINT (for debuggers)", flag(func(o *Options) *bool { return &o.IgnoreSigint })},
		{0, "signum", value, "SIGFUNC", "Print the signal number for STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON, TDUMP", text(func(o *Options) *string { return &o.Signum })},
		{'t', "config-test", maybe, "LOG_FILE", "Check the configuration, report to LOG_FILE (default stderr)", func(o *Options, v string) error {
			o.ConfigTest, o.TestLog = true, v
			return nil
		}},
		{0, "debug", maybe, "LETTERS", "Log more", func(o *Options, v string) error {
			o.Debug, o.LogDetail = v+"+", true
			return nil
		}},
		// Taken for compatibility; what they switch does not exist here.
		{0, "perf", maybe, "", "", func(*Options, string) error { return nil }},
		{0, "no-mem-check", nothing, "", "", func(*Options, string) error { return nil }},
		{0, "mem-check-log", nothing, "", "", func(*Options, string) error { return nil }},
		{'L', "mem-err-debug", nothing, "", "", func(*Options, string) error { return nil }},
		{0, "openssl-mem-check", nothing, "", "", func(*Options, string) error { return nil }},
	}
}

func ourOptions() []option {
	return []option{
		{'v', "version", nothing, "", "Print the version", flag(func(o *Options) *bool { return &o.Version })},
		{'h', "help", nothing, "", "Print this help", flag(func(o *Options) *bool { return &o.Help })},
		{0, "single", nothing, "", "Run all roles in one process, without giving up privileges (for tests)", flag(func(o *Options) *bool { return &o.Single })},
		{0, "shadow", nothing, "", "Only observe the keepalived that runs with this\n configuration: own, send and change nothing", flag(func(o *Options) *bool { return &o.Shadow })},
		{0, "settings", value, "FILE", "Use specified file for how to be observed and run\n default '/etc/vigil/vigil.yaml'", text(func(o *Options) *string { return &o.Settings })},
		{0, "control-socket", value, "FILE", "Use specified socket for vigilctl", text(func(o *Options) *string { return &o.ControlSocket })},
		{0, "format", value, "text|json|sarif", "How a configuration test reports what it finds", func(o *Options, v string) error {
			if v != "text" && v != "json" && v != "sarif" {
				return errors.New("is text, json or sarif")
			}
			o.TestFormat = v
			return nil
		}},
		{0, "dataplane", value, "kernel|dry-run", "What virtual services are programmed into", func(o *Options, v string) error {
			if v != "kernel" && v != "dry-run" {
				return errors.New("is kernel or dry-run")
			}
			o.Dataplane = v
			return nil
		}},
		{0, "role", value, "ROLE", "", text(func(o *Options) *string { return &o.Role })},
	}
}

// Signums are the signals of keepalived by the names that --signum knows.
func Signums() map[string]int {
	// compat: the real-time signals are counted from those of the C library,
	// which keeps the first two for itself: SIGRTMIN is 34, SIGRTMAX 64.
	return map[string]int{"STOP": 15, "RELOAD": 1, "DATA": 10, "STATS": 12, "STATS_CLEAR": 63, "JSON": 36, "TDUMP": 64}
}
