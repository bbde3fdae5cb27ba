//! A file of users of the predecessor: CSV with the columns of Django's `auth_user`.

use std::collections::HashMap;

use gwm_types::Username;
use serde::Deserialize;

use super::imported::ImportedHash;

/// A user to be made.
#[derive(Debug)]
pub(crate) struct PersonLine {
    pub(crate) username: Username,
    pub(crate) password_hash: String,
    pub(crate) is_admin: bool,
    pub(crate) disabled: bool,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct People {
    pub(crate) good: Vec<PersonLine>,
    /// Why the others can't be taken, each with its line; nothing of a hash.
    pub(crate) bad: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    username: String,
    password: String,
    #[serde(default)]
    is_superuser: String,
    #[serde(default)]
    is_active: String,
}

/// Reads one. Fails as a whole when it has not the columns.
pub(crate) fn read_people(text: &[u8]) -> anyhow::Result<People> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let headers = reader.headers()?.clone();
    for column in ["username", "password"] {
        anyhow::ensure!(
            headers.iter().any(|h| h == column),
            "its first line names no column {column:?}; the columns are username, password, \
             is_superuser and is_active, the last two of which may be left out"
        );
    }
    let mut people = People::default();
    let mut lines = HashMap::new();
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        let read = reader.read_record(&mut record);
        let line = record.position().map_or(line, csv::Position::line);
        match read {
            Ok(false) => return Ok(people),
            Ok(true) => {
                let taken = person(&record, &headers).and_then(|person| {
                    match lines.insert(person.username.clone(), line) {
                        Some(first) => {
                            Err(format!("{} stands in line {first}, too", person.username))
                        }
                        None => Ok(person),
                    }
                });
                match taken {
                    Ok(person) => people.good.push(person),
                    Err(why) => people.bad.push(format!("line {line}: {why}")),
                }
            }
            // Its text would show what it could not read.
            Err(_) => people.bad.push(format!(
                "line {line}: it has not the columns of the first line, or is no UTF-8"
            )),
        }
    }
}

fn person(record: &csv::StringRecord, headers: &csv::StringRecord) -> Result<PersonLine, String> {
    let row: Row = record.deserialize(Some(headers)).map_err(|_| "it can't be read".to_owned())?;
    let username = row.username.parse::<Username>();
    let username = username.map_err(|why| format!("username: {why}"))?;
    ImportedHash::parse(&row.password).map_err(|why| format!("password of {username}: {why}"))?;
    let is_admin = flag("is_superuser", &row.is_superuser, false)?;
    let disabled = !flag("is_active", &row.is_active, true)?;
    Ok(PersonLine { username, password_hash: row.password, is_admin, disabled })
}

/// As the databases that Django works with write them.
fn flag(column: &str, text: &str, otherwise: bool) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(otherwise),
        "t" | "true" | "1" => Ok(true),
        "f" | "false" | "0" => Ok(false),
        _ => Err(format!("{column} is true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";

    #[test]
    fn bad_lines_are_named_and_the_others_taken() {
        let file = format!(
            "id,username,password,is_superuser,is_active\n\
             1,jane,{HASH},f,t\n\
             2,Bob,{HASH},f,t\n\
             3,sue,!unusable,f,t\n\
             4,jane,{HASH},f,t\n\
             5,tom\n\
             6,kim,{HASH},maybe,t\n\
             7,ann,{HASH},1,0\n"
        );
        let people = read_people(file.as_bytes()).unwrap();
        let good = |p: &PersonLine| (p.username.to_string(), p.is_admin, p.disabled);
        let good = people.good.iter().map(good).collect::<Vec<_>>();
        assert_eq!(good, [("jane".to_owned(), false, false), ("ann".to_owned(), true, true)]);
        let bad = people.bad.join("\n");
        let named = [
            "line 3: username",
            "line 4: password of sue",
            "line 5: jane stands in line 2",
            "line 6: it has not the columns",
            "line 7: is_superuser",
        ];
        assert_eq!(people.bad.len(), named.len(), "{bad}");
        for (line, named) in people.bad.iter().zip(named) {
            assert!(line.starts_with(named), "{line}");
        }
        assert!(!bad.contains("unusable") && !bad.contains("seasalt"), "{bad}");
    }

    #[test]
    fn a_file_without_the_columns_is_refused_as_a_whole() {
        let error = read_people(b"name,password\njane,x\n").unwrap_err().to_string();
        assert!(error.contains("\"username\""), "{error}");
        assert!(read_people(b"").is_err());
        let least = format!("username,password\njane,{HASH}\n");
        let least = read_people(least.as_bytes()).unwrap();
        assert!(least.bad.is_empty() && !least.good[0].is_admin && !least.good[0].disabled);
    }
}
