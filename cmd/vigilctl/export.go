// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/alerts"
	"github.com/vigild/vigild/dashboards"
)

// alertsCommand has the alerts that come with vigilctl.
func (a *app) alertsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "alerts",
		Short: "Write out the alerts and runbooks; no vigild need run",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var set map[string]string
	export := &cobra.Command{
		Use:   "export DIR",
		Short: "Write Prometheus's rules, a sample for Alertmanager and the runbooks",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			values, err := alerts.With(set)
			if err != nil {
				return err
			}
			return a.export(args[0], alerts.Files(), map[string][]byte{
				alerts.RulesFile: alerts.Rules(values), alerts.RecordingFile: alerts.Recording(values),
			})
		},
	}
	export.Flags().StringToStringVar(&set, "set", nil, "another value of a threshold: NAME=VALUE; their names are at the head of the rules")
	c.AddCommand(export)
	return c
}

// dashboardsCommand has the dashboards that come with vigilctl.
func (a *app) dashboardsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dashboards",
		Short: "Write out the dashboards for Grafana; no vigild need run",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "export DIR",
		Short: "Write the dashboards and an example of provisioning",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.export(args[0], dashboards.Files(), nil) },
	})
	return c
}

// export writes files below a directory, which is made if it does not exist,
// and names them. The text of made replaces that of the file of its name.
func (a *app) export(dir string, files fs.FS, made map[string][]byte) error {
	var written []string
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, replaced := made[path]
		if !replaced {
			if text, err = fs.ReadFile(files, path); err != nil {
				return err
			}
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o644)); err != nil {
			return err
		}
		written = append(written, to)
		return nil
	})
	if err != nil {
		return fmt.Errorf("exporting to %s: %w", dir, err)
	}
	if a.json {
		return a.printJSON(map[string][]string{"written": written})
	}
	for _, path := range written {
		if _, err := fmt.Fprintln(a.out, path); err != nil {
			return err
		}
	}
	return nil
}
