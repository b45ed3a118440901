//! The function as a whole, with the outside in memory.

mod api;
mod channels;
mod evidence;
mod link;
mod logs;
mod pages;
mod world;
