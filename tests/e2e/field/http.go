// Go's net/http, as its users call it. See ../clients/clients.py for the arguments.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	method, url, token, path, mode := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	var statuses []string
	end := "complete"
	times := 1
	if mode == "twice" {
		times = 2
	}
	for i := 0; i < times; i++ {
		var body io.Reader
		if path != "" {
			if mode == "chunked" {
				file, err := os.Open(path)
				if err != nil {
					panic(err)
				}
				body = io.MultiReader(file) // hides the length
			} else {
				content, err := os.ReadFile(path)
				if err != nil {
					panic(err)
				}
				body = bytes.NewReader(content)
			}
		}
		request, err := http.NewRequest(method, url, body)
		if err != nil {
			panic(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		if mode == "expect" {
			request.Header.Set("Expect", "100-continue")
		}
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			statuses = append(statuses, fmt.Sprint(answer.StatusCode))
			_, err = io.Copy(os.Stdout, answer.Body)
			answer.Body.Close()
		}
		if err != nil {
			end = "broken " + err.Error()
		}
	}
	fmt.Fprintln(os.Stderr, strings.Join(statuses, ","), end)
}
