// A server made of Socket.IO and nothing else: clients come into rooms with
// "follow", and what one sends with "tell" goes to all others in a room. It
// listens on the host and port that are its arguments.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, httpCompression: false, serveClient: false });

io.on('connection', (socket) => {
  socket.on('follow', (rooms, done) => {
    socket.join(rooms);
    done();
  });
  socket.on('tell', (room, text) => socket.to(room).emit('b', text));
});

const [host, port] = process.argv.slice(2);
http.listen(Number(port), host);
