// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Conf is one setting of an interface under /proc/sys/net, in the network
// namespace of the caller.
type Conf struct {
	// Family is 4 or 6.
	Family uint8
	// Interface may be all or default.
	Interface, Key string
}

// confRoot is where the settings are.
const confRoot = "/proc/sys/net"

func (c Conf) path() string {
	return filepath.Join(confRoot, fmt.Sprintf("ipv%d", c.Family), "conf", c.Interface, c.Key)
}

// String is the setting as sysctl(8) takes it with slashes.
func (c Conf) String() string { return fmt.Sprintf("ipv%d/%s/%s", c.Family, c.Interface, c.Key) }

// ParseConf reads what String wrote.
func ParseConf(s string) (c Conf, ok bool) {
	family, rest, _ := strings.Cut(s, "/")
	at := strings.LastIndexByte(rest, '/')
	if family != "ipv4" && family != "ipv6" || at <= 0 || strings.Contains(rest[:at], "/") || rest[:at] == ".." || rest[:at] == "." {
		return c, false
	}
	return Conf{family[3] - '0', rest[:at], rest[at+1:]}, rest[at+1:] != ""
}

// Get reads the setting.
func (c Conf) Get() (string, error) {
	b, err := os.ReadFile(c.path())
	if err != nil {
		return "", fmt.Errorf("read %s: %w", c, err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Set writes the setting.
func (c Conf) Set(value string) error {
	if err := os.WriteFile(c.path(), []byte(value), 0); err != nil {
		return fmt.Errorf("set %s to %s: %w", c, value, err)
	}
	return nil
}

// ConfInterfaces are the names of the interfaces that have IPv4 settings, all
// and default among them.
func ConfInterfaces() ([]string, error) {
	list, err := os.ReadDir(filepath.Join(confRoot, "ipv4", "conf"))
	if err != nil {
		return nil, fmt.Errorf("list the settings of interfaces: %w", err)
	}
	names := make([]string, 0, len(list))
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names, nil
}
