// A server and a client of gRPC in Go, for tests: `grpc-go serve` prints its port, `grpc-go call ADDRESS AUTHORITY [ROOTS]`
// makes a call of each kind and prints what came of them as JSON. Messages are plain text.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// textCodec sends strings as they are.
type textCodec struct{}

func (textCodec) Marshal(value any) ([]byte, error) { return []byte(*value.(*string)), nil }
func (textCodec) Unmarshal(data []byte, value any) error {
	*value.(*string) = string(data)
	return nil
}
func (textCodec) Name() string { return "proto" }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// calls counts the calls of Wait, which end when their client gives up.
type calls struct {
	sync.Mutex
	changed *sync.Cond
	ended   int
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	waits := &calls{}
	waits.changed = sync.NewCond(waits)
	handlers := map[string]func(grpc.ServerStream) error{
		"Unary": func(stream grpc.ServerStream) error {
			message, err := receive(stream)
			if err != nil {
				return err
			}
			given, _ := metadata.FromIncomingContext(stream.Context())
			stream.SetHeader(metadata.Pairs("x-said", strings.Join(given["x-said"], ",")))
			stream.SetTrailer(metadata.Pairs("x-length", strconv.Itoa(len(message)), "x-raw-bin", "\x00\xff"))
			return send(stream, message)
		},
		"Deny": func(stream grpc.ServerStream) error {
			stream.SetTrailer(metadata.Pairs("x-why", "rule"))
			return status.Error(codes.PermissionDenied, "nö, 100%")
		},
		// Some messages, and then an error.
		"Break": func(stream grpc.ServerStream) error {
			if err := send(stream, "one"); err != nil {
				return err
			}
			return status.Error(codes.DataLoss, "it broke")
		},
		"Count": func(stream grpc.ServerStream) error {
			message, err := receive(stream)
			if err != nil {
				return err
			}
			count, _ := strconv.Atoi(message)
			for at := 0; at < count; at++ {
				if err := send(stream, strconv.Itoa(at)); err != nil {
					return err
				}
			}
			return nil
		},
		"Sum": func(stream grpc.ServerStream) error {
			length := 0
			for {
				message, err := receive(stream)
				if err == io.EOF {
					return send(stream, strconv.Itoa(length))
				}
				if err != nil {
					return err
				}
				length += len(message)
			}
		},
		"Chat": func(stream grpc.ServerStream) error {
			for {
				message, err := receive(stream)
				if err == io.EOF {
					return send(stream, "end")
				}
				if err != nil {
					return err
				}
				if err := send(stream, message); err != nil {
					return err
				}
			}
		},
		"Wait": func(stream grpc.ServerStream) error {
			if err := send(stream, "begun"); err != nil {
				return err
			}
			<-stream.Context().Done()
			waits.Lock()
			defer waits.Unlock()
			waits.ended++
			waits.changed.Broadcast()
			return status.FromContextError(stream.Context().Err()).Err()
		},
		// Answers when so many calls of Wait have ended, and forgets them.
		"Ended": func(stream grpc.ServerStream) error {
			message, err := receive(stream)
			if err != nil {
				return err
			}
			count, _ := strconv.Atoi(message)
			waits.Lock()
			for waits.ended < count {
				waits.changed.Wait()
			}
			waits.ended -= count
			waits.Unlock()
			return send(stream, message)
		},
	}
	server := grpc.NewServer(
		grpc.ForceServerCodec(textCodec{}),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			path, _ := grpc.MethodFromServerStream(stream)
			handle, known := handlers[strings.TrimPrefix(path, "/test.Peer/")]
			if !known {
				return status.Error(codes.Unimplemented, "no "+path)
			}
			return handle(stream)
		}),
	)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	check(server.Serve(listener))
}

type stream interface {
	SendMsg(any) error
	RecvMsg(any) error
}

func send(to stream, message string) error { return to.SendMsg(&message) }

func receive(from stream) (string, error) {
	var message string
	err := from.RecvMsg(&message)
	return message, err
}

// outcome is what came of a call.
type outcome struct {
	Messages []string            `json:"messages"`
	Header   map[string][]string `json:"header"`
	Code     int                 `json:"code"`
	Details  string              `json:"details"`
	Trailers map[string][]string `json:"trailers"`
}

func call(address, authority, roots string) {
	transport := insecure.NewCredentials()
	if roots != "" {
		var err error
		transport, err = credentials.NewClientTLSFromFile(roots, authority)
		check(err)
	}
	connection, err := grpc.NewClient(
		"passthrough:///"+address,
		grpc.WithTransportCredentials(transport),
		grpc.WithAuthority(authority),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(textCodec{}), grpc.MaxCallRecvMsgSize(1<<24)),
		grpc.WithDisableRetry(),
	)
	check(err)
	open := func(ctx context.Context, method string) grpc.ClientStream {
		description := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
		opened, err := connection.NewStream(ctx, description, "/test.Peer/"+method)
		check(err)
		return opened
	}
	patient, cancelAll := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancelAll()
	outcomes := map[string]outcome{}
	end := func(name string, opened grpc.ClientStream, messages []string) {
		var last error
		for last == nil {
			var message string
			if message, last = receive(opened); last == nil {
				messages = append(messages, message)
			}
		}
		if last == io.EOF {
			last = nil
		}
		ended := status.Convert(last)
		header, _ := opened.Header()
		outcomes[name] = outcome{messages, pick(header), int(ended.Code()), ended.Message(), pick(opened.Trailer())}
	}
	exchange := func(name, method string, messages ...string) {
		opened := open(metadata.AppendToOutgoingContext(patient, "x-said", "a", "x-said", "b"), method)
		for _, message := range messages {
			if send(opened, message) != nil {
				break
			}
		}
		opened.CloseSend()
		end(name, opened, []string{})
	}
	// Long enough for its message on a busy machine; the other calls go on meanwhile.
	short, cancelShort := context.WithTimeout(patient, 5*time.Second)
	defer cancelShort()
	late := open(short, "Wait")
	lateBegun, err := receive(late)
	check(err)
	exchange("unary", "Unary", "hello")
	exchange("denied", "Deny", "hello")
	exchange("broken", "Break", "hello")
	exchange("unknown", "Nothing", "hello")
	exchange("serverStream", "Count", "100")
	exchange("clientStream", "Sum", "a", "bc", strings.Repeat("x", 1_000_000))

	chat := open(patient, "Chat")
	var said []string
	for _, message := range []string{"one", "two", ""} {
		check(send(chat, message))
		answer, err := receive(chat)
		check(err)
		said = append(said, answer)
	}
	check(chat.CloseSend())
	end("bidirectional", chat, said)

	given, giveUp := context.WithCancel(patient)
	wait := open(given, "Wait")
	begun, err := receive(wait)
	check(err)
	giveUp()
	end("cancelled", wait, []string{begun})
	end("deadline", late, []string{lateBegun})
	exchange("ended", "Ended", "2")
	check(json.NewEncoder(os.Stdout).Encode(outcomes))
}

// pick leaves out what is the implementation's own.
func pick(given metadata.MD) map[string][]string {
	picked := map[string][]string{}
	for name, values := range given {
		if !strings.HasPrefix(name, "x-") {
			continue
		}
		for _, value := range values {
			if strings.HasSuffix(name, "-bin") {
				value = fmt.Sprintf("%x", value)
			}
			picked[name] = append(picked[name], value)
		}
	}
	return picked
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		serve()
		return
	}
	roots := ""
	if len(os.Args) == 5 {
		roots = os.Args[4]
	}
	call(os.Args[2], os.Args[3], roots)
}
