//! What the runtime itself has to remember over a crash: the bus's events, queued messages, how far each stream has
//! been read, and what people were told.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use serde_json::Value;

/// The runtime's own database.
#[derive(Debug)]
pub struct State(Mutex<Connection>);

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the database.
    pub row: i64,
    /// Its id.
    pub id: String,
    /// What it says.
    pub body: String,
    /// How often it has been received, this time included.
    pub receive_count: u32,
    /// When it was sent, in milliseconds since 1970.
    pub sent_at: i64,
}

/// A message that nobody could deal with.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The dead-letter queue.
    pub queue: String,
    /// The message's id.
    pub message_id: String,
    /// What it says: JSON, or text that is none.
    pub body: Value,
    /// When it came there: RFC 3339.
    pub received_at: String,
}

/// Something that people were told.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Outgoing {
    /// `mail`, `slack` or `webhook`.
    pub channel: String,
    /// Whom.
    pub to: Vec<String>,
    /// One line.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML; empty where the channel has none.
    pub html: String,
    /// The event that it tells of; empty if the message does not say.
    pub event_id: String,
    /// When: RFC 3339.
    pub sent_at: String,
}

/// An event of the bus.
#[derive(Clone, Debug, Serialize)]
pub struct BusEvent {
    /// Its place: what `after` takes.
    pub position: i64,
    /// The event, as rules see it.
    pub event: Value,
}

/// A message on its way into a queue.
#[derive(Clone, Debug)]
pub struct NewMessage<'a> {
    /// The queue.
    pub queue: &'a str,
    /// What it says.
    pub body: &'a str,
    /// From when on it can be received, in milliseconds since 1970.
    pub visible_at: i64,
}

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS messages (
        row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, queue TEXT NOT NULL, body TEXT NOT NULL,
        visible_at INTEGER NOT NULL, receive_count INTEGER NOT NULL DEFAULT 0, sent_at INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue, visible_at);
    CREATE TABLE IF NOT EXISTS checkpoints (stream TEXT PRIMARY KEY, sequence_number TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS outbox (
        position INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, recipients TEXT NOT NULL,
        subject TEXT NOT NULL, text TEXT NOT NULL, html TEXT NOT NULL, event_id TEXT NOT NULL, sent_at TEXT NOT NULL);
";

impl State {
    /// Opens or makes it. Messages that were being dealt with when the process died become receivable again.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(SCHEMA)?;
        connection.execute("UPDATE messages SET visible_at = 0 WHERE receive_count > 0", [])?;
        Ok(Self(Mutex::new(connection)))
    }

    /// A panic elsewhere leaves no half-done change: every change is a transaction.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes events into the bus and hands them to queues, as one change.
    pub fn accept_events(&self, events: &[String], messages: &[NewMessage<'_>], now: i64) -> rusqlite::Result<()> {
        let mut connection = self.connection();
        let change = connection.transaction()?;
        for event in events {
            change.prepare_cached("INSERT INTO events (event) VALUES (?1)")?.execute([event])?;
        }
        for message in messages {
            insert_message(&change, message, now)?;
        }
        change.commit()
    }

    /// The bus's events after a position, oldest first.
    pub fn events_after(&self, position: i64, limit: u32) -> rusqlite::Result<Vec<BusEvent>> {
        let connection = self.connection();
        let mut query = connection
            .prepare_cached("SELECT position, event FROM events WHERE position > ?1 ORDER BY position LIMIT ?2")?;
        let rows = query.query_map(params![position, limit], |row| {
            let text: String = row.get(1)?;
            Ok(BusEvent { position: row.get(0)?, event: json_or_text(text) })
        })?;
        rows.collect()
    }

    /// Puts one message into a queue.
    pub fn send(&self, message: &NewMessage<'_>, now: i64) -> rusqlite::Result<()> {
        let mut connection = self.connection();
        let change = connection.transaction()?;
        insert_message(&change, message, now)?;
        change.commit()
    }

    /// Receives up to `most` messages and hides them until `hidden_until`.
    pub fn receive(&self, queue: &str, most: u32, now: i64, hidden_until: i64) -> rusqlite::Result<Vec<Message>> {
        let mut connection = self.connection();
        let change = connection.transaction()?;
        let messages = {
            let mut query = change.prepare_cached(
                "SELECT row, id, body, receive_count + 1, sent_at FROM messages
                 WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, row LIMIT ?3",
            )?;
            let rows = query.query_map(params![queue, now, most], |row| {
                Ok(Message {
                    row: row.get(0)?,
                    id: row.get(1)?,
                    body: row.get(2)?,
                    receive_count: row.get(3)?,
                    sent_at: row.get(4)?,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()?
        };
        for message in &messages {
            change
                .prepare_cached("UPDATE messages SET visible_at = ?2, receive_count = ?3 WHERE row = ?1")?
                .execute(params![message.row, hidden_until, message.receive_count])?;
        }
        change.commit()?;
        Ok(messages)
    }

    /// How many messages can be received, and when the oldest was sent; when the next can be, if none can.
    pub fn waiting(&self, queue: &str, now: i64) -> rusqlite::Result<(u32, Option<i64>)> {
        let connection = self.connection();
        let mut count = connection
            .prepare_cached("SELECT count(*), min(visible_at) FROM messages WHERE queue = ?1 AND visible_at <= ?2")?;
        let (ready, oldest): (u32, Option<i64>) =
            count.query_row(params![queue, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if ready > 0 {
            return Ok((ready, oldest));
        }
        let mut next = connection.prepare_cached("SELECT min(visible_at) FROM messages WHERE queue = ?1")?;
        Ok((0, next.query_row([queue], |row| row.get(0))?))
    }

    /// Settles a received batch: what is done goes, what failed comes again, what failed too often goes elsewhere.
    pub fn settle(&self, done: &[i64], again: &[(i64, i64)], dead: &[(i64, &str)], now: i64) -> rusqlite::Result<()> {
        let mut connection = self.connection();
        let change = connection.transaction()?;
        for row in done {
            change.prepare_cached("DELETE FROM messages WHERE row = ?1")?.execute([row])?;
        }
        for (row, visible_at) in again {
            change
                .prepare_cached("UPDATE messages SET visible_at = ?2 WHERE row = ?1")?
                .execute(params![row, visible_at])?;
        }
        for (row, queue) in dead {
            change
                .prepare_cached(
                    "UPDATE messages SET queue = ?2, visible_at = 0, receive_count = 0, sent_at = ?3 WHERE row = ?1",
                )?
                .execute(params![row, queue, now])?;
        }
        change.commit()
    }

    /// How many messages are in queues other than these.
    pub fn messages_outside(&self, queues: &[&str]) -> rusqlite::Result<u64> {
        let connection = self.connection();
        let mut query = connection.prepare_cached("SELECT queue, count(*) FROM messages GROUP BY queue")?;
        let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?)))?;
        let mut sum = 0;
        for row in rows {
            let (queue, count) = row?;
            if !queues.contains(&queue.as_str()) {
                sum += count;
            }
        }
        Ok(sum)
    }

    /// What lies in these queues, oldest first.
    pub fn dead_letters(&self, queues: &[&str], limit: usize) -> rusqlite::Result<Vec<DeadLetter>> {
        let connection = self.connection();
        let mut letters = Vec::new();
        for queue in queues {
            let mut query = connection
                .prepare_cached("SELECT id, body, sent_at FROM messages WHERE queue = ?1 ORDER BY row LIMIT ?2")?;
            let rows = query.query_map(params![queue, limit], |row| {
                Ok(DeadLetter {
                    queue: (*queue).to_owned(),
                    message_id: row.get(0)?,
                    body: json_or_text(row.get(1)?),
                    received_at: domain::time::Timestamp::from_millisecond(row.get(2)?).to_string(),
                })
            })?;
            for row in rows {
                letters.push(row?);
            }
        }
        Ok(letters)
    }

    /// How far a stream has been read.
    pub fn checkpoint(&self, stream: &str) -> rusqlite::Result<Option<String>> {
        self.connection()
            .prepare_cached("SELECT sequence_number FROM checkpoints WHERE stream = ?1")?
            .query_row([stream], |row| row.get(0))
            .optional()
    }

    /// Remembers how far a stream has been read.
    pub fn set_checkpoint(&self, stream: &str, sequence_number: &str) -> rusqlite::Result<()> {
        self.connection()
            .prepare_cached(
                "INSERT INTO checkpoints (stream, sequence_number) VALUES (?1, ?2)
                 ON CONFLICT (stream) DO UPDATE SET sequence_number = excluded.sequence_number",
            )?
            .execute([stream, sequence_number])?;
        Ok(())
    }

    /// Remembers what somebody was told.
    pub fn tell(&self, outgoing: &Outgoing) -> rusqlite::Result<()> {
        let recipients = Value::from(outgoing.to.clone()).to_string();
        self.connection()
            .prepare_cached(
                "INSERT INTO outbox (channel, recipients, subject, text, html, event_id, sent_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                outgoing.channel,
                recipients,
                outgoing.subject,
                outgoing.text,
                outgoing.html,
                outgoing.event_id,
                outgoing.sent_at
            ])?;
        Ok(())
    }

    /// What people were told, newest first.
    pub fn outbox(&self, limit: u32) -> rusqlite::Result<Vec<Outgoing>> {
        let connection = self.connection();
        let mut query = connection.prepare_cached(
            "SELECT channel, recipients, subject, text, html, event_id, sent_at FROM outbox ORDER BY position DESC LIMIT ?1",
        )?;
        let rows = query.query_map([limit], |row| {
            let recipients: String = row.get(1)?;
            Ok(Outgoing {
                channel: row.get(0)?,
                to: serde_json::from_str(&recipients).unwrap_or_default(),
                subject: row.get(2)?,
                text: row.get(3)?,
                html: row.get(4)?,
                event_id: row.get(5)?,
                sent_at: row.get(6)?,
            })
        })?;
        rows.collect()
    }
}

fn insert_message(change: &Transaction<'_>, message: &NewMessage<'_>, now: i64) -> rusqlite::Result<()> {
    change
        .prepare_cached("INSERT INTO messages (id, queue, body, visible_at, sent_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![uuid::Uuid::now_v7().to_string(), message.queue, message.body, message.visible_at, now])?;
    Ok(())
}

fn json_or_text(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
