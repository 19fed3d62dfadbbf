// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vigild/vigild/engine/run/check"
	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/engine/sys/proc"
)

const (
	// markIPVS says that the check role was handed a socket.
	markIPVS = "_VIGIL_IPVS"
	// handedFile is the descriptor that it has: the link is 3.
	handedFile = 4
)

// handOverIPVS gives the check role a socket of the network namespace that IPVS
// is to be programmed in (net_namespace_ipvs): to enter it, which asks for far
// more than a socket, is not among what the role may.
func handOverIPVS(cmd *proc.Command, namespace string) error {
	if namespace == "" {
		return nil
	}
	f, err := socketOfIPVS(namespace)
	if err != nil {
		return err
	}
	cmd.Files = append(cmd.Files, f)
	cmd.Env = append(cmd.Env, markIPVS+"=1")
	return nil
}

// handedIPVS is how the check role opens IPVS as a process.
func handedIPVS() func(string) (check.Conn, error) {
	if os.Getenv(markIPVS) == "" {
		return func(string) (check.Conn, error) { return check.OpenIPVS() }
	}
	open := check.IPVSOn(os.NewFile(handedFile, "ipvs"))
	return func(string) (check.Conn, error) { return open() }
}

// ownIPVS is how it does under --single.
func ownIPVS(namespace string) (check.Conn, error) {
	if namespace == "" {
		return check.OpenIPVS()
	}
	f, err := socketOfIPVS(namespace)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return check.IPVSOn(f)()
}

// socketOfIPVS opens a socket in a network namespace, known by its name or by an
// absolute path.
func socketOfIPVS(namespace string) (*os.File, error) {
	path := namespace
	switch {
	case filepath.IsAbs(namespace):
	case strings.Contains(namespace, "/") || namespace == "." || namespace == "..":
		return nil, fmt.Errorf("net_namespace_ipvs %q: not a name", namespace)
	default:
		path = filepath.Join(namespaceDir, namespace)
	}
	ns, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("net_namespace_ipvs: %w", err)
	}
	defer ns.Close()
	f, err := ipvs.SocketIn(int(ns.Fd()))
	if err != nil {
		return nil, fmt.Errorf("net_namespace_ipvs %s: %w", namespace, err)
	}
	return f, nil
}
