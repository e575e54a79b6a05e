# As much of the internet as the examples of the man pages talk to, on 127.0.0.1: DNS that leads every
# name here, a web server with TLS, and a mail server that keeps what it gets.
#
#   internet.py CERTIFICATE-AND-KEY MAILBOX      prints a line when all three listen
import socket
import socketserver
import ssl
import sys
import threading

certificate, mailbox = sys.argv[1:]


class Dns(socketserver.BaseRequestHandler):
    """One question, one answer: A is 127.0.0.1, of every other type there is nothing."""

    def handle(self):
        query, sock = self.request
        end = query.index(b"\0", 12) + 5  # behind name, type and class
        is_a = query[end - 4 : end - 2] == b"\0\1"
        header = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("127.0.0.1")
        sock.sendto(header + query[12:end] + (answer if is_a else b""), self.client_address)


class Https(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n<p>here\n")


class Smtp(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 here")
        for line in self.rfile:
            words = line.split()
            if words[:1] == [b"DATA"]:
                self.say("354 go on")
                mail = b""
                while (line := self.rfile.readline()).strip() != b".":
                    mail += line
                with open(mailbox, "ab") as file:
                    file.write(mail.replace(b"\r\n", b"\n"))
            elif words[:1] == [b"QUIT"]:
                self.say("221 bye")
                return
            self.say("250 ok")

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
web = Server(("127.0.0.1", 443), Https, bind_and_activate=False)
web.socket = context.wrap_socket(web.socket, server_side=True)
web.server_bind()
web.server_activate()
servers = [web, Server(("127.0.0.1", 25), Smtp), socketserver.UDPServer(("127.0.0.1", 53), Dns)]
threads = [threading.Thread(target=server.serve_forever) for server in servers]
for thread in threads:
    thread.start()
print("here", flush=True)
