// Go's x/crypto/ssh, as its users call it. See ../clients/ssh_situations.py for the arguments and for what it says.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

func need(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "failed:", err)
		os.Exit(1)
	}
}

func say(words string) { fmt.Fprint(os.Stderr, words) }

func word(err error, done string) {
	if err != nil {
		done = "refused"
	}
	say(done + ",")
}

func main() {
	host, port, user, file, situation := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	text, err := os.ReadFile(file)
	need(err)
	key, err := ssh.ParsePrivateKey(text)
	need(err)
	client, err := ssh.Dial("tcp", host+":"+port, &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	need(err)
	session, err := client.NewSession()
	need(err)
	pipe, err := session.StdoutPipe()
	need(err)
	output := bufio.NewReader(pipe)
	input, err := session.StdinPipe()
	need(err)
	switch situation {
	case "terminal":
		need(session.RequestPty("xterm", 33, 77, ssh.TerminalModes{}))
		need(session.Shell())
	case "modes":
		need(session.RequestPty("xterm", 33, 77, ssh.TerminalModes{ssh.ECHO: 0, ssh.VERASE: 8}))
		need(session.Shell())
	default:
		need(session.Start("anything"))
	}
	if situation == "close" || situation == "leaves" || situation == "second" || situation == "forward" {
		line, err := output.ReadString('\n')
		need(err)
		fmt.Print(line)
	}
	switch situation {
	case "keepalive":
		go func() {
			for {
				if _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}()
	case "close":
		need(session.Close())
		session.Wait()
		say("closed")
		return
	case "leaves":
		time.Sleep(1000 * time.Second)
	case "second":
		_, err := client.NewSession()
		word(err, "opened")
		input.Close()
	case "forward":
		_, err := client.Dial("tcp", "127.0.0.1:22")
		word(err, "opened")
		_, err = client.Listen("tcp", "127.0.0.1:0")
		word(err, "listening")
		input.Close()
	}
	io.Copy(os.Stdout, output)
	err = session.Wait()
	if exit, ok := err.(*ssh.ExitError); ok {
		if exit.Signal() != "" {
			say(exit.Signal())
		} else {
			say(fmt.Sprint(exit.ExitStatus()))
		}
	} else {
		need(err)
		say("0")
	}
}
