// Command tlogd is a log of Tessera (c2sp.org/tlog-tiles) on a loopback address, for tests with an independent log. It
// keeps its files in the given directory, and prints one JSON line when its address is known. Then it reads commands
// from stdin:
//
//	witness VKEY URL   publish nothing that this witness has not cosigned; before the first add
//	add N              append N entries; {"size":SIZE} is printed when they are published
//
// It ends when its parent does.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: tlogd DIRECTORY")
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, "tessera.example/log")
	if err != nil {
		log.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(listener, http.FileServer(http.Dir(os.Args[1])))) }()
	say(map[string]any{"log": vkey, "url": "http://" + listener.Addr().String()})

	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(100*time.Millisecond).
		WithBatching(256, 20*time.Millisecond)
	if err := serve(context.Background(), options); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, options *tessera.AppendOptions) error {
	var appender *tessera.Appender
	var awaiter *tessera.PublicationAwaiter
	size := 0
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		var count int
		words := strings.Fields(commands.Text())
		if len(words) == 3 && words[0] == "witness" {
			root, err := url.Parse(words[2])
			if err != nil {
				return err
			}
			witness, err := tessera.NewWitness(words[1], root)
			if err != nil {
				return err
			}
			options.WithWitnesses(tessera.NewWitnessGroup(1, witness), nil)
			continue
		}
		if _, err := fmt.Sscanf(commands.Text(), "add %d", &count); err != nil || count < 1 {
			return fmt.Errorf("not a command: %q", commands.Text())
		}
		if appender == nil {
			driver, err := posix.New(ctx, posix.Config{Path: os.Args[1]})
			if err != nil {
				return err
			}
			var reader tessera.LogReader
			if appender, _, reader, err = tessera.NewAppender(ctx, driver, options); err != nil {
				return err
			}
			awaiter = tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 20*time.Millisecond)
		}
		futures := make([]tessera.IndexFuture, count)
		for i := range futures {
			futures[i] = appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "entry %d", size+i)))
		}
		for _, future := range futures {
			if _, _, err := awaiter.Await(ctx, future); err != nil {
				return err
			}
		}
		size += count
		say(map[string]any{"size": size})
	}
	return commands.Err()
}

func say(line map[string]any) {
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}
