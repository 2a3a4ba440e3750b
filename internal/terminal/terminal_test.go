package terminal

import (
	"bytes"
	"io"
	"os"
	"testing"
)

func TestIs(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, w := range map[string]io.Writer{
		"a file": file, "a pipe": out, "a buffer": &bytes.Buffer{}, "a closed file": closed, "nothing": nil,
	} {
		if Is(w) {
			t.Errorf("%s: got true, want it no terminal", name)
		}
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there is no terminal to be had: ", err)
	}
	defer terminal.Close()
	if !Is(terminal) {
		t.Error("a terminal: got false, want it one")
	}
}

func TestLine(t *testing.T) {
	var b bytes.Buffer
	l := NewLine(&b)
	l.Show("one")
	l.Show("two")
	l.Clear()
	if got, want := b.String(), "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
