"""What Socket.IO costs, beside python-socketio with sticky sessions."""
