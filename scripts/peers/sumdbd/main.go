// Command sumdbd is the checksum database of golang.org/x/mod/sumdb on a loopback address, for tests with an
// independent log. It reads go.sum lines from stdin, serves a record for each module version in them, in their order,
// and prints one JSON line when it is ready. It ends when its parent does.
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
	"os"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	records := map[string]string{}
	var order []module.Version
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 3 {
			log.Fatalf("not a go.sum line: %q", lines.Text())
		}
		version := module.Version{Path: words[0], Version: strings.TrimSuffix(words[1], "/go.mod")}
		key := version.String()
		if records[key] == "" {
			order = append(order, version)
		}
		records[key] += lines.Text() + "\n"
	}

	skey, vkey, err := note.GenerateKey(rand.Reader, "xmod.example")
	if err != nil {
		log.Fatal(err)
	}
	server := sumdb.NewTestServer(skey, func(path, version string) ([]byte, error) {
		record := records[path+"@"+version]
		if record == "" {
			return nil, fmt.Errorf("%s@%s: %w", path, version, os.ErrNotExist)
		}
		return []byte(record), nil
	})
	for _, version := range order {
		if _, err := server.Lookup(context.Background(), version); err != nil {
			log.Fatal(err)
		}
	}

	handler := sumdb.NewServer(server)
	mux := http.NewServeMux()
	for _, path := range sumdb.ServerPaths {
		mux.Handle(path, handler)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"log": vkey, "url": "http://" + listener.Addr().String(), "size": len(order)})
	go func() {
		for parent := os.Getppid(); os.Getppid() == parent; {
			time.Sleep(time.Second)
		}
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, mux))
}
