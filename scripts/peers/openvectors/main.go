// Opens the vectors that gossum publishes with the Go libraries that others use: golang.org/x/mod/sumdb/note for
// signed notes, filippo.io/torchwood for cosignatures.
//
//	openvectors DIR
//
// Prints one JSON line with what was opened; ends with 1 when a case is not as the vectors say.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

type lineCase struct {
	What     string `json:"what"`
	Text     string `json:"text"`
	Line     string `json:"line"`
	VKey     string `json:"vkey"`
	Verifies bool   `json:"verifies"`
	Choice   bool   `json:"choice"`
}

type evidenceCase struct {
	What     string  `json:"what"`
	File     string  `json:"file"`
	Convicts *string `json:"convicts"`
}

var failed bool

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	failed = true
}

func read(path string, into any) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// cosignatures tells the cases in which torchwood's verifier says something else than the vectors.
func cosignatures(path string) int {
	var file struct{ Cases []lineCase }
	read(path, &file)
	for _, c := range file.Cases {
		verifier, err := torchwood.NewCosignatureVerifier(c.VKey)
		if err != nil {
			fail("%s: %v", c.What, err)
			continue
		}
		_, err = note.Open([]byte(c.Text+"\n"+c.Line), note.VerifierList(verifier))
		if !c.Choice && (err == nil) != c.Verifies {
			fail("%s: the vectors say %v, note.Open says %v", c.What, c.Verifies, err)
		}
	}
	return len(file.Cases)
}

// heads opens the heads in evidence that convicts: the log signed both.
func heads(path string) int {
	var file struct {
		Log   struct{ VKey string }
		Cases []evidenceCase
	}
	read(path, &file)
	verifier, err := note.NewVerifier(file.Log.VKey)
	if err != nil {
		fail("%v", err)
		return 0
	}
	opened := 0
	for _, c := range file.Cases {
		if c.Convicts == nil {
			continue
		}
		var evidence struct{ Heads []string }
		if err := json.Unmarshal([]byte(c.File), &evidence); err != nil {
			fail("%s: %v", c.What, err)
		}
		for _, head := range evidence.Heads {
			if _, err := note.Open([]byte(head), note.VerifierList(verifier)); err != nil {
				fail("%s: %v", c.What, err)
			}
			opened++
		}
	}
	return opened
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: openvectors DIR")
		os.Exit(2)
	}
	lines := cosignatures(filepath.Join(os.Args[1], "cosignatures.json"))
	notes := heads(filepath.Join(os.Args[1], "evidence.json"))
	fmt.Printf("{\"lines\":%d,\"notes\":%d}\n", lines, notes)
	if failed {
		os.Exit(1)
	}
}
