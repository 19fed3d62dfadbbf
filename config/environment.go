// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
)

// Environment is what the configuration is checked against. A nil function means that nothing of its kind is checked.
type Environment struct {
	// Hostname is the node name.
	Hostname string
	// Test says that this is a configuration test, which is stricter: compat: at run time a number with something behind
	// it is used for what can be read of it.
	Test bool
	// Interface finds a network interface by name.
	Interface func(name string) (Interface, bool)
	// MAC finds the MAC address of an interface; zero if it has none.
	MAC func(name string) (mac [6]byte, exists bool)
	// Account finds the ids of a user; an empty group means the user's own.
	Account func(name, group string) (Account, error)
	// Script looks at a program that an account is to run.
	Script func(program string, a Account) ScriptState
	// Resolve finds the address of a host; zero without an error means that nobody was asked.
	Resolve func(host string) (netip.Addr, error)
	// Secret reads a file that holds a key.
	Secret func(path string) (Secret, error)
}

// Interface is what matters of a network interface.
type Interface struct {
	Index               int
	Loopback, Multicast bool
}

// Account is who runs a program.
type Account struct {
	UID, GID uint32
	Groups   []uint32
}

// ScriptState is what was found out about a program.
type ScriptState struct {
	// Problem says why it cannot be run, or is empty.
	Problem string
	// Shell says that it is no executable file, so that a shell must make of it what it can.
	Shell bool
	// Insecure says how somebody other than root could change it, or is empty.
	Insecure string
	// Path is where the program is, with the symbolic links among its folders resolved but not the name itself, which a
	// program may go by; empty when it was not found.
	Path string
}

// Secret is what a file with a key holds.
type Secret struct {
	Text string
	// Insecure says who else may read it, or is empty.
	Insecure string
}

// DefaultScriptUser runs scripts when script_user is not set and the account exists (compat).
const DefaultScriptUser = "keepalived_script"

// Machine is the environment of this machine.
func Machine(test bool) Environment {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	return Environment{
		Hostname: name, Test: test, Interface: machineInterface, MAC: machineMAC, Account: machineAccount, Script: machineScript,
		Resolve: machineResolve(test), Secret: machineSecret,
	}
}

// resolveMost is how long a test of the configuration waits for a name server.
const resolveMost = 5 * time.Second

// errNoNameServer is given instead of asking one.
var errNoNameServer = errors.New("name servers are not asked")

// machineResolve finds the address of a host. Only a test asks name servers: the start of a daemon and a reload must
// not wait for them, so there a host that is not in the hosts file is no error and has no address.
func machineResolve(test bool) func(string) (netip.Addr, error) {
	r := &net.Resolver{}
	if !test {
		r.PreferGo = true
		r.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errNoNameServer }
	}
	return func(name string) (netip.Addr, error) {
		ctx, cancel := context.WithTimeout(context.Background(), resolveMost)
		defer cancel()
		found, err := r.LookupNetIP(ctx, "ip", name)
		switch {
		case len(found) > 0:
			return found[0].Unmap(), nil
		case test:
			return netip.Addr{}, err
		}
		return netip.Addr{}, nil
	}
}

// Worker is the environment in which a worker reads what the parent has checked: nothing but the name of the machine,
// and the MAC addresses by which all find the same names for interfaces to be made.
func Worker() Environment { return Environment{Hostname: Machine(false).Hostname, MAC: machineMAC} }

func machineMAC(name string) (mac [6]byte, exists bool) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return mac, false
	}
	copy(mac[:], i.HardwareAddr)
	return mac, true
}

func machineInterface(name string) (Interface, bool) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return Interface{}, false
	}
	return Interface{i.Index, i.Flags&net.FlagLoopback != 0, i.Flags&net.FlagMulticast != 0}, true
}

func machineAccount(name, group string) (Account, error) {
	u, err := user.Lookup(name)
	if _, none := errors.AsType[user.UnknownUserError](err); none {
		return Account{}, fmt.Errorf("there is no user %s", name)
	}
	if err != nil {
		return Account{}, fmt.Errorf("user %s: %w", name, err)
	}
	gid := u.Gid
	if group != "" {
		g, err := user.LookupGroup(group)
		if _, none := errors.AsType[user.UnknownGroupError](err); none {
			return Account{}, fmt.Errorf("there is no group %s", group)
		}
		if err != nil {
			return Account{}, fmt.Errorf("group %s: %w", group, err)
		}
		gid = g.Gid
	}
	a := Account{}
	if a.UID, err = id(u.Uid); err != nil {
		return Account{}, err
	}
	if a.GID, err = id(gid); err != nil {
		return Account{}, err
	}
	groups, err := u.GroupIds()
	if err != nil {
		return a, nil // only the supplementary groups are unknown
	}
	for _, g := range groups {
		if n, err := id(g); err == nil {
			a.Groups = append(a.Groups, n)
		}
	}
	return a, nil
}

func id(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}

// machineScript looks at each part of the path of a program: whether the account may get there and run it, and whether
// somebody other than root could put something else in its place.
func machineScript(program string, a Account) ScriptState {
	where := program
	if !strings.Contains(program, "/") {
		where = inPath(program)
	}
	info, err := os.Stat(where)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ScriptState{Problem: "it does not exist"}
	case err != nil:
		return ScriptState{Problem: err.Error()}
	case !info.Mode().IsRegular():
		return ScriptState{Problem: "it is not a regular file"}
	}
	path, err := filepath.Abs(where)
	if err != nil {
		return ScriptState{Problem: err.Error()}
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return ScriptState{Problem: err.Error()}
	}
	path = filepath.Join(dir, filepath.Base(path))
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ScriptState{Problem: err.Error()}
	}
	// Who can change the folder of a link can make it point somewhere else, so both ends count.
	return ScriptState{Shell: !mayExecute(info, a), Path: path, Insecure: cmp.Or(insecurePath(target), insecurePath(dir))}
}

// insecurePath says how somebody other than root could change a file or a folder above it, or is empty.
func insecurePath(path string) string {
	for part := path; ; part = filepath.Dir(part) {
		if why := insecure(part); why != "" || part == "/" {
			return why
		}
	}
}

// inPath finds a program that is named without its folder. compat: in the folders of a PATH of its own, whatever the
// daemon was started with.
func inPath(program string) string {
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if name := filepath.Join(dir, program); filepath.Base(name) == program {
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
				return name
			}
		}
	}
	return program
}

func mayExecute(info os.FileInfo, a Account) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case !ok || a.UID == 0:
		return mode&0o111 != 0
	case s.Uid == a.UID:
		return mode&0o100 != 0
	case s.Gid == a.GID:
		return mode&0o010 != 0
	}
	if slices.Contains(a.Groups, s.Gid) {
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}

// insecure says how a part of a path could be changed by somebody other than root. A directory with the sticky bit is
// still open to new files, so it counts.
func insecure(part string) string {
	info, err := os.Lstat(part)
	if err != nil {
		return err.Error()
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case !ok:
		return ""
	case s.Uid != 0:
		return fmt.Sprintf("%s belongs to user %d, mode %04o; chown root %s", part, s.Uid, mode, part)
	case mode&0o002 != 0:
		return fmt.Sprintf("%s may be written by everybody, mode %04o; chmod o-w %s", part, mode, part)
	case mode&0o020 != 0 && s.Gid != 0:
		return fmt.Sprintf("%s may be written by group %d, mode %04o; chmod g-w %s", part, s.Gid, mode, part)
	}
	return ""
}

// account gives who runs a script: the one named with it, else script_user, else the default.
func (b *builder) account(s *notify.Script) (Account, string, error) {
	name, group := s.User, s.Group
	if name == "" {
		name, group = b.c.Global.ScriptUser, b.c.Global.ScriptGroup
	}
	if b.e.Account == nil {
		return Account{}, name, nil
	}
	if name == "" {
		a, err := b.e.Account(DefaultScriptUser, "")
		if err == nil {
			return a, DefaultScriptUser, nil
		}
		if b.c.Global.ScriptSecurity {
			return Account{}, "", err // compat: with enable_script_security root is no default
		}
		return Account{}, "root", nil
	}
	a, err := b.e.Account(name, group)
	return a, name, err
}

// checkCommands looks at every script: who runs it, whether it is there, and who could change it.
func (b *builder) checkCommands() {
	for _, u := range b.commands {
		if b.runnable(u.script, u.node, u.node.Keyword) == "" {
			*u.script = notify.Script{}
			b.drop[u.node] = true
		}
	}
	for _, d := range b.scripts {
		if b.runnable(&d.script, d.node, "vrrp_script '"+d.s.Name+"'") != "" {
			continue
		}
		d.gone, d.used = true, false
		b.drop[d.node] = true
		gone := func(t trackLine) bool {
			if t.Kind == event.SubjectScript && t.Name == d.s.Name {
				b.drop[t.node] = true
				return true
			}
			return false
		}
		for _, i := range b.drafts {
			i.tracks = slices.DeleteFunc(i.tracks, gone)
		}
		for _, g := range b.groups {
			g.tracks = slices.DeleteFunc(g.tracks, gone)
		}
	}
	b.scripts = slices.DeleteFunc(b.scripts, func(d *scriptDraft) bool { return d.gone })
}

// runnable gives "" for a script that must not be run, else "direct" or "shell".
func (b *builder) runnable(s *notify.Script, n *syntax.Node, what string) string {
	if strings.HasPrefix(s.Argv[0], "<") {
		return "direct" // compat: asks whether a file can be opened
	}
	a, _, err := b.account(s)
	if err != nil {
		b.err(n.Pos, RuleUnknownUser, what+" is disabled: "+err.Error(), "script_user USER in global_defs")
		return ""
	}
	if b.e.Script == nil {
		return "direct"
	}
	state := b.e.Script(s.Argv[0], a)
	if state.Path != "" && !(b.c.Global.UseSymlinkPaths && filepath.IsAbs(s.Argv[0])) {
		s.Argv[0] = state.Path // compat: so $0 has no links among its folders
	}
	if state.Problem != "" {
		if strings.HasPrefix(what, "vrrp_script") {
			b.warn(n.Pos, RuleBadCommand, what+": "+s.Argv[0]+" cannot be run: "+state.Problem+"; it is disabled", "")
			return ""
		}
		b.note(n.Pos, RuleBadCommand, what+": "+s.Argv[0]+" cannot be run now: "+state.Problem, "")
		b.c.unfound = append(b.c.unfound, s.Argv[0])
	}
	switch {
	case a.UID != 0:
	case state.Insecure != "" && b.c.Global.ScriptSecurity:
		b.report(n.Pos, syntax.Warning, syntax.Insecure, RuleScriptSecurity, what+" is disabled: "+state.Insecure, "enable_script_security is set")
		return ""
	case state.Insecure != "":
		b.report(n.Pos, syntax.Warning, syntax.Insecure, RuleScriptSecurity, what+" runs as root: "+state.Insecure, "enable_script_security refuses such scripts")
	case !b.c.Global.ScriptSecurity && state.Problem == "" && !b.noted[RuleScriptSecurity]:
		b.noted[RuleScriptSecurity] = true
		b.report(n.Pos, syntax.Warning, syntax.Insecure, RuleScriptSecurity, what+" runs as root without enable_script_security", "script_user USER, or enable_script_security in global_defs")
	}
	if state.Shell {
		return "shell"
	}
	return "direct"
}

// secretMost is how long a file with a key may be, in bytes.
const secretMost = 4096

// machineSecret reads a file with a key; the newline at its end is not part of it.
func machineSecret(path string) (Secret, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return Secret{}, err
	case !info.Mode().IsRegular():
		return Secret{}, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > secretMost:
		return Secret{}, fmt.Errorf("%s is longer than %d bytes", path, secretMost)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, err
	}
	s := Secret{Text: strings.TrimRight(string(text), "\r\n")}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		s.Insecure = fmt.Sprintf("%s may be used by others than its owner, mode %04o", path, mode)
	}
	return s, nil
}
