// Opens the vectors that gossum publishes with the usual Go libraries: golang.org/x/mod/sumdb/note for signed notes,
// golang.org/x/mod/sumdb/tlog for records, filippo.io/torchwood for cosignatures.
//
//	openvectors DIR
//
// Prints one JSON line with what was opened; exits with 1 if a case is not as the vectors say.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
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

// cosignatures returns the cases in which torchwood's verifier disagrees with the vectors.
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

type record struct {
	ID    int64
	Text  string
	Proof tlog.RecordProof
}

// evidence opens the heads in convicting evidence, which the log signed, and finds the records in it under its head.
func evidence(path string) (heads, records int) {
	var all struct {
		Log   struct{ VKey string }
		Cases []evidenceCase
	}
	read(path, &all)
	verifier, err := note.NewVerifier(all.Log.VKey)
	if err != nil {
		fail("%v", err)
		return
	}
	for _, c := range all.Cases {
		if c.Convicts == nil {
			continue
		}
		var file struct {
			Head    string
			Heads   []string
			Records []record
		}
		if err := json.Unmarshal([]byte(c.File), &file); err != nil {
			fail("%s: %v", c.What, err)
		}
		if file.Head != "" {
			file.Heads = append(file.Heads, file.Head)
		}
		var text string
		for _, head := range file.Heads {
			opened, err := note.Open([]byte(head), note.VerifierList(verifier))
			if err != nil {
				fail("%s: %v", c.What, err)
				continue
			}
			text = opened.Text
			heads++
		}
		for _, r := range file.Records {
			if err := included(r, text); err != nil {
				fail("%s: record %d: %v", c.What, r.ID, err)
			}
			records++
		}
	}
	return
}

// included checks that a record is in the tree of a checksum database's head.
func included(r record, head string) error {
	tree, err := tlog.ParseTree([]byte(head))
	if err != nil {
		return err
	}
	formatted, err := tlog.FormatRecord(r.ID, []byte(r.Text))
	if err != nil {
		return err
	}
	id, text, _, err := tlog.ParseRecord(formatted)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(r.Proof, tree.N, tree.Hash, id, tlog.RecordHash(text))
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: openvectors DIR")
		os.Exit(2)
	}
	lines := cosignatures(filepath.Join(os.Args[1], "cosignatures.json"))
	notes, records := evidence(filepath.Join(os.Args[1], "evidence.json"))
	fmt.Printf("{\"lines\":%d,\"notes\":%d,\"records\":%d}\n", lines, notes, records)
	if failed {
		os.Exit(1)
	}
}
