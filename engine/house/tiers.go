// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

// A Tier says what a package may import besides the standard library.
type Tier struct {
	Package string   // a folder, or "folder/..." for it and all below
	May     []string // folders of this module, same patterns
	Modules []string // other modules, by prefix; "..." for any
	Why     string   // shown when the rule is broken
}

// Shorthands for the table.
var (
	none    []string
	anyOf   = []string{"..."}
	kernel  = []string{"golang.org/x/sys", "github.com/vishvananda/netlink", "github.com/vishvananda/netns"}
	readers = []string{"engine/event", "engine/ledger", "engine/explain"}
)

const (
	whyLeaf   = "a leaf is the vocabulary of everyone and depends on nobody"
	whyPure   = "what decides sees only values, so that it can be stepped in a test"
	whyDoor   = "a door to the kernel knows the kernel and nothing of ours"
	whyShell  = "a shell does one thing to the world and reports it as an event"
	whyReader = "readers see events and the ledger, so they cannot perturb or race the engine"
)

// Tiers is the whole table, first match wins. A package that exists must have a
// row; a row may wait for its package.
var Tiers = []Tier{
	// 0: leaves.
	{"engine", none, none, "engine itself is only the house rules"},
	{"engine/house", none, none, "the rules look at the tree and at nothing in it"},
	{"engine/event", none, none, whyLeaf},
	{"engine/vrrp/wire", []string{"engine/event"}, none, whyLeaf}, // a packet is refused with a Reason of the closed list
	{"config/syntax", none, none, whyLeaf},
	{"snmp/agentx", none, none, whyLeaf},
	{"mib", none, none, whyLeaf},
	{"engine/sys/link/linktest", []string{"engine/sys/link"}, kernel, whyDoor},
	{"engine/sys/link", none, kernel, whyDoor},
	{"engine/sys/ipvs/ipvstest", []string{"engine/sys/ipvs"}, kernel, whyDoor},
	{"engine/sys/ipvs/rules", []string{"engine/sys/ipvs"}, none, whyDoor},
	{"engine/sys/ipvs", none, kernel, whyDoor},
	{"engine/sys/realserver", []string{"engine/sys/link"}, kernel, whyDoor},
	{"engine/sys/fw", none, kernel, whyDoor},
	{"engine/sys/proc", none, kernel, whyDoor},
	{"engine/sys/udp", none, kernel, whyDoor},
	{"engine/sys/dbus", none, none, whyDoor},
	{"engine/sys/dial", none, []string{"golang.org/x/sys"}, whyDoor},

	// 1: pure.
	{"engine/vrrp/auth", []string{"engine/event", "engine/vrrp/wire"}, none, whyPure},
	{"engine/vrrp", []string{"engine/event", "engine/vrrp/auth", "engine/vrrp/wire"}, none, whyPure},
	{"engine/shadow", []string{"engine/event", "engine/vrrp", "engine/vrrp/wire"}, none, whyPure},
	{"engine/bfd", []string{"engine/event"}, none, whyPure},
	{"engine/health", []string{"engine/event"}, none, whyPure},
	{"engine/ledger", []string{"engine/event"}, none, whyPure},
	{"engine/explain", []string{"engine/event"}, none, whyPure},
	{"engine/simulate", []string{"engine/event", "engine/vrrp", "engine/vrrp/auth", "engine/vrrp/wire"}, none, whyPure},
	{"engine/plan", []string{"engine/event", "engine/vrrp", "engine/health", "engine/ledger", "engine/simulate"}, none, whyPure},

	// 2: shells.
	{"engine/sys/raw/...", []string{"engine/event", "engine/vrrp/wire", "engine/sys/raw"}, append([]string{"golang.org/x/net"}, kernel...), whyDoor},
	{"engine/ipc", []string{"engine/event"}, []string{"golang.org/x/sys"}, whyShell},
	{"engine/probe", []string{"engine/event", "engine/health", "config/syntax", "engine/sys/dial"}, []string{"golang.org/x/net", "golang.org/x/sys", "github.com/dlclark/regexp2"}, whyShell},
	{"engine/track", []string{"engine/event", "engine/bfd", "config/syntax", "engine/sys/..."}, []string{"golang.org/x/sys"}, whyShell},
	{"engine/notify/document", []string{"engine/event", "engine/explain"}, none, whyShell},
	{"engine/notify/bus", []string{"engine/event", "engine/ledger", "engine/sys/dbus"}, none, whyShell},
	{"engine/notify/spool", []string{"engine/event"}, none, whyShell},
	{"engine/notify", []string{"engine/notify/...", "engine/event", "engine/explain", "config/syntax", "engine/sys/proc"}, []string{"github.com/wneessen/go-mail", "golang.org/x/sys"}, whyShell},

	// 3: the whole configuration. Settings live beside the code that uses them.
	{
		"config",
		[]string{"config/syntax", "engine/event", "engine/vrrp/...", "engine/bfd", "engine/health", "engine/probe", "engine/track", "engine/notify"},
		none,
		"config fills the settings of others and drives nobody",
	},

	{
		"config/vigil",
		[]string{"config/syntax", "engine/event", "engine/vrrp/...", "engine/bfd", "engine/health", "engine/notify"},
		[]string{"github.com/knadh/koanf", "github.com/go-viper/mapstructure", "github.com/spf13/pflag", "go.yaml.in/yaml"},
		"config fills the settings of others and drives nobody",
	},
	{"config/lint", []string{"config", "config/syntax", "engine/event", "engine/vrrp/...", "engine/health"}, none, "what is wrong between the routers of a cluster is found in their configurations"},
	{"config/migrate", []string{"engine/sys/ipvs/..."}, none, "old configurations become new ones as text"},
	{"config/machine", []string{"config", "config/syntax"}, none, "what a configuration is checked against is asked through its questions"},

	// 4: loops and readers.
	{
		"engine/run/...",
		[]string{"config/...", "engine/..."},
		[]string{"golang.org/x/sys", "github.com/coreos/go-systemd"},
		"the loops drive the engine; what reads events is wired by cmd",
	},
	{"collector/trace", readers, []string{"go.opentelemetry.io", "google.golang.org/grpc"}, whyReader},
	{"collector/...", append([]string{"collector"}, readers...), []string{"github.com/prometheus"}, whyReader},
	{"snmp", append([]string{"snmp/agentx", "mib"}, readers...), none, whyReader},

	// 5: wiring.
	{"cmd/...", []string{"cmd/...", "config/...", "engine/...", "collector/...", "snmp/...", "mib", "alerts", "dashboards"}, anyOf, "nothing imports the tests"},

	// Tests and the things only tests look at.
	{"dashboards", none, none, "dashboards are data"},
	{"alerts", none, none, "alerts are data"},
	{"test/...", anyOf, anyOf, "tests may import anything"},
}

// A Ban forbids a package everything it would be linked with, however far away.
type Ban struct {
	Package string   // who, as in [Tier]
	Except  []string // who not
	Never   []string // folders of this module or import paths
	Why     string
}

// Bans are the rules that a reader of one package could not see.
var Bans = []Ban{
	{"collector/...", none, []string{"engine/vrrp/...", "engine/health", "engine/sys/...", "engine/run/...", "config/..."}, whyReader},
	{"snmp/...", none, []string{"engine/vrrp/...", "engine/health", "engine/sys/...", "engine/run/...", "config/..."}, whyReader},
	{
		"engine/...", none,
		[]string{"go.opentelemetry.io/...", "github.com/prometheus/...", "google.golang.org/grpc/..."},
		"metrics and traces are made from events by the observe role, never in the process that holds addresses",
	},
	{"...", []string{"test/..."}, []string{"test/..."}, "nothing imports the tests"},
	{"cmd/...", none, []string{"testing", "engine/house", "engine/sys/link/linktest", "engine/sys/ipvs/ipvstest"}, "what ships carries no test code"},
}
