//! The administrator's two settings.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::pages::{Admin, render};
use super::problem::Problem;
use super::visitor::Administrator;
use crate::app::App;
use crate::policy::{Accepted, ListFault, Listed, Settings};

/// Where settings are changed.
pub(super) const PAGE: &str = "/admin";

#[derive(Deserialize)]
pub(super) struct Notice {
    notice: Option<String>,
}

pub(super) async fn page(
    State(app): State<Arc<App>>,
    Administrator(account): Administrator,
    Query(Notice { notice }): Query<Notice>,
) -> Result<Response, Problem> {
    let mut page = Admin::new(account, &app.store.settings()?);
    page.frame.notice =
        notice.filter(|notice| notice == "saved").map(|_| "The settings are saved.");
    Ok(render(StatusCode::OK, &page))
}

#[derive(Deserialize)]
pub(super) struct SettingsForm {
    /// Browsers send boxes that are ticked only.
    enabled: Option<String>,
    accept: Accept,
    models: String,
    roots: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Accept {
    Any,
    Listed,
}

pub(super) async fn save(
    State(app): State<Arc<App>>,
    Administrator(account): Administrator,
    Form(form): Form<SettingsForm>,
) -> Result<Response, Problem> {
    match form.parse() {
        Ok(settings) => {
            app.store.set_settings(&settings)?;
            Ok(Redirect::to(&format!("{PAGE}?notice=saved")).into_response())
        }
        Err(fault) => {
            let mut page = Admin::new(account, &Settings::default());
            page.frame.alert = Some(fault.to_string());
            page.enabled = form.enabled.is_some();
            page.only_listed = form.accept == Accept::Listed;
            (page.models, page.roots) = (form.models, form.roots);
            Ok(render(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

impl SettingsForm {
    fn parse(&self) -> Result<Settings, ListFault> {
        let listed = Listed::parse(&self.models, &self.roots)?;
        let accepted = match self.accept {
            Accept::Any => Accepted::AnyKey,
            Accept::Listed if listed.models.is_empty() => return Err(ListFault::Empty),
            Accept::Listed => Accepted::ListedModels,
        };
        Ok(Settings { enabled: self.enabled.is_some(), accepted, listed })
    }
}
