// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
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

	"github.com/vigild/vigild/config"
)

// Environment is how this machine answers; test says that it is for a configuration test.
func Environment(test bool) config.Environment {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	return config.Environment{
		Hostname: name, Test: test, Interface: findInterface, MAC: macOf, Account: account, Script: script,
		Resolve: resolve(test), Secret: secret, Uptime: uptime, RouteName: routeName,
	}
}

// resolveMost is how long a test of the configuration waits for a name server.
const resolveMost = 5 * time.Second

// errNoNameServer is given instead of asking one.
var errNoNameServer = errors.New("name servers are not asked")

// resolve finds the address of a host. Only a test asks name servers: the start of a daemon and a reload must
// not wait for them, so there a host that is not in the hosts file is no error and has no address.
func resolve(test bool) func(string) (netip.Addr, error) {
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
func Worker() config.Environment {
	return config.Environment{Hostname: Environment(false).Hostname, MAC: macOf, Uptime: uptime}
}

// uptime is the time since the boot, in which the machine may have slept.
func uptime() time.Duration {
	var s syscall.Sysinfo_t
	if err := syscall.Sysinfo(&s); err != nil {
		return math.MaxInt64 // long ago
	}
	return time.Duration(s.Uptime) * time.Second
}

func macOf(name string) (mac [6]byte, exists bool) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return mac, false
	}
	copy(mac[:], i.HardwareAddr)
	return mac, true
}

func findInterface(name string) (config.Interface, bool) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return config.Interface{}, false
	}
	return config.Interface{Index: i.Index, Loopback: i.Flags&net.FlagLoopback != 0, Multicast: i.Flags&net.FlagMulticast != 0}, true
}

func account(name, group string) (config.Account, error) {
	u, err := user.Lookup(name)
	if _, none := errors.AsType[user.UnknownUserError](err); none {
		return config.Account{}, fmt.Errorf("there is no user %s", name)
	}
	if err != nil {
		return config.Account{}, fmt.Errorf("user %s: %w", name, err)
	}
	gid := u.Gid
	if group != "" {
		g, err := user.LookupGroup(group)
		if _, none := errors.AsType[user.UnknownGroupError](err); none {
			return config.Account{}, fmt.Errorf("there is no group %s", group)
		}
		if err != nil {
			return config.Account{}, fmt.Errorf("group %s: %w", group, err)
		}
		gid = g.Gid
	}
	a := config.Account{}
	if a.UID, err = id(u.Uid); err != nil {
		return config.Account{}, err
	}
	if a.GID, err = id(gid); err != nil {
		return config.Account{}, err
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

// script looks at each part of the path of a program: whether the account may get there and run it, and whether
// somebody other than root could put something else in its place.
func script(program string, a config.Account) config.ScriptState {
	where := program
	if !strings.Contains(program, "/") {
		where = inPath(program)
	}
	info, err := os.Stat(where)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return config.ScriptState{Problem: "it does not exist"}
	case err != nil:
		return config.ScriptState{Problem: err.Error()}
	case !info.Mode().IsRegular():
		return config.ScriptState{Problem: "it is not a regular file"}
	}
	path, err := filepath.Abs(where)
	if err != nil {
		return config.ScriptState{Problem: err.Error()}
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return config.ScriptState{Problem: err.Error()}
	}
	path = filepath.Join(dir, filepath.Base(path))
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return config.ScriptState{Problem: err.Error()}
	}
	// Who can change the folder of a link can make it point somewhere else, so both ends count.
	return config.ScriptState{Shell: !mayExecute(info, a), Path: path, Insecure: cmp.Or(insecurePath(target), insecurePath(dir))}
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

func mayExecute(info os.FileInfo, a config.Account) bool {
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

// secretMost is how long a file with a key may be, in bytes.
const secretMost = 4096

// secret reads a file with a key; the newline at its end is not part of it.
func secret(path string) (config.Secret, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return config.Secret{}, err
	case !info.Mode().IsRegular():
		return config.Secret{}, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > secretMost:
		return config.Secret{}, fmt.Errorf("%s is longer than %d bytes", path, secretMost)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return config.Secret{}, err
	}
	s := config.Secret{Text: strings.TrimRight(string(text), "\r\n")}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		s.Insecure = fmt.Sprintf("%s may be used by others than its owner, mode %04o", path, mode)
	}
	return s, nil
}

// Random draws from lo to hi, both included: the Random of syntax.Options.
func Random(lo, hi uint32) uint32 { return lo + uint32(rand.Uint64N(uint64(hi)-uint64(lo)+1)) }
