// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestBounds gives the parser what would make it run away: each ends with one clear, placed error.
func TestBounds(t *testing.T) {
	deep := strings.Repeat("a {\n", 100) + strings.Repeat("}\n", 100) + "after\n"
	for name, c := range map[string]struct {
		text  string
		files memory
		want  string // the first problem
		alive bool   // what follows is still read
	}{
		"long line":       {text: "a " + strings.Repeat("x", 1022) + "\nafter\n", want: "t:1:1: error: the line is longer than 1023 bytes and is ignored", alive: true},
		"NUL":             {text: "a b\x00c\nafter\n", want: "t:1:4: error: the line has a NUL byte and is ignored", alive: true},
		"deep":            {text: deep, want: "t:33:3: error: blocks are nested more than 32 deep; this one is ignored", alive: true},
		"self":            {text: "$A=${A}\nx $A\nafter\n", want: "t:2:3: error: more than 1000 substitutions in one line; the line is ignored [does a definition refer to itself?]", alive: true},
		"self and grow":   {text: "$A=${A}yy\nx $A\nafter\n", want: "t:2:3: error: the line gets longer than 1023 bytes by substitution and is ignored [does a definition refer to itself?]", alive: true},
		"self in lines":   {text: "$A=x \\\n$A\nb $A\nafter\n", want: "t:3:3: error: definitions and sequences make more than 500000 lines or 67108864 bytes; reading stops here"},
		"much to do":      {text: "$A=${B}\n$B=${A}\n" + strings.Repeat("x "+strings.Repeat("y", 900)+" $A\n", 2000) + "after\n", want: "t:3:904: error: more than 1000 substitutions in one line; the line is ignored [does a definition refer to itself?]"},
		"sequence bomb":   {text: "~SEQ(a,1,1000000000000) x\nafter\n", want: "t:1:1: error: the sequence makes more lines than the 500000 allowed; reading stops here"},
		"nested sequence": {text: "~SEQ(a,1,10000) ~SEQ(b,1,10000) x\nafter\n", want: "t:1:17: error: the sequence makes more lines than the 500000 allowed; reading stops here"},
		"three levels":    {text: "~SEQ(a,1,100) ~SEQ(b,1,100) ~SEQ(c,1,100) x\nafter\n", want: "t:1:29: error: definitions and sequences make more than 500000 lines or 67108864 bytes; reading stops here"},
		"doubling":        {text: "$A=x \\\nx\n$B=${A} \\\n$A\n$C=$B \\\n$B\n$D=$C \\\n$C\n~SEQ(i,1,200000) $D\nafter\n", want: "t:9:18: error: definitions and sequences make more than 500000 lines or 67108864 bytes; reading stops here"},
		"include loop":    {text: "include a.conf\nafter\n", files: memory{"/etc/keepalived/a.conf": "include b.conf\n", "/etc/keepalived/b.conf": "x\ninclude a.conf\n"}, want: "/etc/keepalived/b.conf:2:9: error: /etc/keepalived/a.conf includes itself", alive: true},
		"include depth":   {text: "include d/x.conf\nafter\n", files: deepIncludes(), want: "/etc/keepalived/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/x.conf:1:9: error: files are included more than 32 deep", alive: true},
		"fan of includes": {text: "include {1,2,3,4,5,6,7,8,9}.conf\nafter\n", files: fanOfIncludes(), want: "/etc/keepalived/f5/7.conf:1:9: error: more than 10000 files or 67108864 bytes are included; reading stops here"},
		"brace bomb":      {text: "include " + strings.Repeat("{a,b}", 60) + "\nafter\n", files: memory{}, want: "t:1:9: note: no file matches /etc/keepalived/" + strings.Repeat("{a,b}", 60) + " [includem makes this an error]", alive: true},
	} {
		t.Run(name, func(t *testing.T) {
			tree, found := Parse("t", []byte(c.text), testOptions(c.files))
			if len(found) == 0 || !strings.HasPrefix(found[0].String(), c.want) {
				t.Fatalf("problems %.300q\nwant %q first", lines(found), c.want)
			}
			if name == "much to do" {
				if len(found) < 3 || Worst(found) != Fatal {
					t.Errorf("does not stop: %d problems", len(found))
				}
				return
			}
			if len(found) > 20 {
				t.Errorf("%d problems", len(found))
			}
			last := tree.Nodes[max(len(tree.Nodes)-1, 0):]
			if alive := len(last) == 1 && last[0].Keyword == "after"; alive != c.alive {
				t.Errorf("goes on: %v, want %v", alive, c.alive)
			}
		})
	}
}

func deepIncludes() memory {
	m := memory{}
	dir := "/etc/keepalived"
	for range 50 {
		dir += "/d"
		m[dir+"/x.conf"] = "include d/x.conf\n"
	}
	return m
}

func fanOfIncludes() memory {
	m := memory{}
	for level := range 7 {
		dir := "/etc/keepalived"
		if level > 0 {
			dir = fmt.Sprintf("/etc/keepalived/f%d", level)
		}
		for i := 1; i < 10; i++ {
			if level == 6 {
				m[fmt.Sprintf("%s/%d.conf", dir, i)] = "x\n"
				continue
			}
			m[fmt.Sprintf("%s/%d.conf", dir, i)] = fmt.Sprintf("include /etc/keepalived/f%d/{1,2,3,4,5,6,7,8,9}.conf\n", level+1)
		}
	}
	return m
}

// TestManyProblems keeps the list of problems short and says that it did.
func TestManyProblems(t *testing.T) {
	_, found := Parse("t", []byte(strings.Repeat("}\n", 5000)+"include /nothing\n"), Options{FS: memory{}, Check: CheckAll})
	if len(found) != maxProblems+2 {
		t.Fatalf("%d problems", len(found))
	}
	if Worst(found) != Fatal {
		t.Error("the fatal problem after the bound was lost")
	}
	if got, want := found[len(found)-1].String(), "note: 4000 further problems are not listed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDisk reads regular files and refuses everything else without waiting.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("main.conf", "include *.inc\nincluder pipe\nincluder run.conf\nincluder sub\nincludem none\n", 0o644)
	write("a.inc", "a\n", 0o644)
	write("b.inc", "b\n", 0o644)
	write("run.conf", "c\n", 0o755)
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, found := Load("main.conf", Options{FS: Disk{}, Dir: dir})
	got := strings.ReplaceAll(dump(tree)+lines(found), dir, "DIR")
	want := `DIR/a.inc:1 a@1
DIR/b.inc:1 b@1
DIR/main.conf:2:10: error: DIR/pipe: not a regular file
DIR/main.conf:3:10: error: DIR/run.conf: executable, so not a configuration file
DIR/main.conf:4:10: error: DIR/sub: not a regular file
DIR/main.conf:5:10: error: no file matches DIR/none
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if _, err := (Disk{}).ReadFile(filepath.Join(dir, "a.inc"), 1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a file beyond the limit: %v", err)
	}
	for pattern, want := range map[string]string{
		"none.conf": "none.conf: error: no such configuration file [name one with -f]\n",
		"?.inc":     "?.inc: warning: the name matches 2 files, read one after the other from DIR/a.inc [name one file and let it include the others]\n",
	} {
		if _, found := Load(pattern, Options{FS: Disk{}, Dir: dir}); strings.ReplaceAll(lines(found), dir, "DIR") != want {
			t.Errorf("load %s: %s", pattern, lines(found))
		}
	}
}
