//! The pages themselves: static files, with a platform's name and abilities filled in.

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};

use super::Shared;
use crate::Platform;

const LANDING: &str = include_str!("../../static/landing.html");
const CHAT: &str = include_str!("../../static/chat.html");
const AGENT: &str = include_str!("../../static/agent.html");
const STYLE: &str = include_str!("../../static/style.css");
const COMMON_SCRIPT: &str = include_str!("../../static/common.js");
const CHAT_SCRIPT: &str = include_str!("../../static/chat.js");
const AGENT_SCRIPT: &str = include_str!("../../static/agent.js");

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(landing))
        .route("/chat/{platform}", get(chat))
        .route("/static/style.css", get(|| file("text/css; charset=utf-8", STYLE)))
        .route("/static/common.js", get(|| script(COMMON_SCRIPT)))
        .route("/static/chat.js", get(|| script(CHAT_SCRIPT)))
        .route("/static/agent.js", get(|| script(AGENT_SCRIPT)))
}

pub(super) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Html("<!doctype html><title>Not found</title><p>There is no such page.</p>"))
        .into_response()
}

async fn landing(State(web): State<Shared>) -> Html<String> {
    let links: String = web.platforms.iter().map(link).collect();
    Html(LANDING.replace("{{platforms}}", &links))
}

async fn chat(State(web): State<Shared>, Path(id): Path<String>) -> Response {
    let Some(platform) = web.platform(&id) else { return not_found().await };
    let page = CHAT
        .replace("{{platform}}", &platform.id)
        .replace("{{name}}", &escape(&platform.display_name))
        .replace("{{upload}}", &platform.upload.to_string())
        .replace("{{quick_input}}", &platform.quick_input.to_string());
    Html(page).into_response()
}

pub(super) async fn agent(State(web): State<Shared>) -> Html<String> {
    let names: String = web.platforms.iter().map(option).collect();
    Html(AGENT.replace("{{platforms}}", &names))
}

fn link(platform: &Platform) -> String {
    let what = match (platform.quick_input, platform.upload) {
        (true, true) => "takes access codes and files",
        (true, false) => "takes access codes",
        (false, true) => "takes files",
        (false, false) => "a plain chat",
    };
    format!(
        "<a class=\"card link\" href=\"/chat/{}\"><strong>{}</strong><span>{what}</span></a>",
        platform.id,
        escape(&platform.display_name)
    )
}

fn option(platform: &Platform) -> String {
    format!("<option value=\"{}\">{}</option>", platform.id, escape(&platform.display_name))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

async fn script(text: &'static str) -> Response {
    file("text/javascript; charset=utf-8", text).await
}

async fn file(content_type: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
